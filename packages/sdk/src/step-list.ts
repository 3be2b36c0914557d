/** `step("name"`, `step.sleep("name"`, `ctx.step("name"`, `saga.effect("name"`; what comes between the word and the bracket may be type arguments. */
const NAMED =
  /(?:\bstep\s*(?:\.\s*(?:sleep|sleepUntil|transaction|approval|patched)\s*)?|\.\s*effect\s*)(?:<[^()]*>)?\(\s*(["'`])((?:\\.|(?!\1).)*?)\1/gs;

/** `step.waitFor(event, { name: "name" })`, and the same of calls and fan-outs. */
const OPTION =
  /\bstep\s*\.\s*(?:waitFor|call|fanOut)\s*(?:<[^()]*>)?\((?:[^()]|\([^()]*\))*?\bname:\s*(["'`])((?:\\.|(?!\1).)*?)\1/gs;

/**
 * The names of steps that the text of a handler shows, in their order, each once: literal ones, with `…` for what a template puts in.
 * What steps other functions make for it is not seen, so this is a hint, and never decides whether a run may go on.
 *
 * @param source as `Function.prototype.toString` gives it
 */
export function stepList(source: string): string[] {
  const found = [NAMED, OPTION].flatMap((pattern) =>
    [...source.matchAll(pattern)].map((match) => ({
      at: match.index,
      name: match[2]!.replaceAll(/\$\{[^}]*\}/g, "…"),
    })),
  );
  found.sort((a, b) => a.at - b.at);
  return [...new Set(found.map(({ name }) => name))].slice(0, MAX_STEPS);
}

/** More are not listed: they are read by people. */
const MAX_STEPS = 200;
