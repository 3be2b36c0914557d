import { DeadLetterDetail } from "@millrace/core/api";
import { Command } from "commander";
import { apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson, harmlessLines, harmlessPrettyJson } from "../output/harmless.ts";
import { age, count, localTime } from "../output/words.ts";
import { jsonOption } from "./options.ts";

export function deadShowCommand(cli: Cli): Command {
  return new Command("show")
    .description("show one: its error, its input, and what became of it")
    .argument("<run>", "its id")
    .addOption(jsonOption())
    .action(cli.action((id: string, options: { json?: boolean }) => run(cli, id, options)));
}

async function run(cli: Cli, id: string, { json }: { json?: boolean }): Promise<number> {
  const letter = await apiClient(cli).get(`dead-letters/${segment(id)}`, DeadLetterDetail);
  if (json) cli.out.line(harmlessJson({ v: 1, ...letter }));
  else print(cli, letter);
  return EXIT.done;
}

function print(cli: Cli, letter: DeadLetterDetail): void {
  const { out } = cli;
  const { error, attempts } = letter;
  out.line(
    `${out.style("red", "✕")} ${harmless(letter.job)} ${letter.runId}  ${harmless(`${error.class}: ${error.message}`)}`,
  );
  for (const [label, text] of facts(letter)) {
    out.line(`  ${out.style("gray", label.padEnd(11))} ${text}`);
  }
  out.line();
  for (const line of harmlessPrettyJson(letter.input).split("\n")) out.line(`  ${line}`);
  const stack = attempts.findLast((attempt) => attempt.error?.stack)?.error?.stack;
  if (!stack) return;
  out.line();
  for (const line of harmlessLines(stack)) out.line(`  ${line}`);
}

function* facts(letter: DeadLetterDetail): Generator<[label: string, text: string]> {
  const { attempts, handled } = letter;
  yield ["failed", `${localTime(letter.failedAt)} (${age(letter.failedAt, Date.now())} ago)`];
  const lost = attempts.filter(({ outcome }) => outcome === "lost").length;
  const failed = attempts.filter(({ outcome }) => outcome === "failed").length;
  yield ["attempts", `${count(attempts.length, "attempt")}: ${failed} failed, ${lost} lost`];
  yield ["queue", harmless(letter.queue)];
  if (letter.fingerprint) yield ["fingerprint", letter.fingerprint];
  if (letter.rerunOf) yield ["rerun of", letter.rerunOf];
  if (!handled) return;
  const what = handled.rerun ? `rerun as ${handled.rerun}` : "dismissed";
  const within = handled.operation === null ? "" : ` in operation ${handled.operation}`;
  const note = handled.note ? `: ${handled.note}` : "";
  yield ["handled", harmless(`${what} by ${handled.by}${within}${note}`)];
}
