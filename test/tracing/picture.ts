import type { Span } from "./otlp.ts";

/** Traces as a tree, in the order in which they began: one that begins because of another stands below what it is linked to. */
export function picture(spans: readonly Span[]): string {
  const ordered = spans.toSorted((one, other) => (one.start < other.start ? -1 : 1));
  const roots = ordered.filter(({ parentId }) => parentId === "" || !has(spans, parentId));
  const lines: string[] = [];
  const draw = (span: Span, depth: number) => {
    lines.push(`${"  ".repeat(depth)}${describe(span)}`);
    for (const child of ordered) {
      if (child.parentId === span.spanId) draw(child, depth + 1);
    }
  };
  for (const root of roots) {
    const to = root.links.map(({ spanId }) => ordered.find((span) => span.spanId === spanId));
    if (to.length > 0) {
      lines.push(
        `~ linked to ${to.map((span) => (span ? describe(span) : "nothing")).join(" and ")}`,
      );
    }
    draw(root, 0);
  }
  return lines.join("\n");
}

/** Spans whose parent was not sent, and links that lead nowhere. */
export function orphans(spans: readonly Span[], elsewhere: readonly string[] = []): string[] {
  const known = (spanId: string) => has(spans, spanId) || elsewhere.includes(spanId);
  return spans.flatMap((span) => [
    ...(span.parentId !== "" && !known(span.parentId) ? [`${span.name}: no parent`] : []),
    ...span.links.filter(({ spanId }) => !known(spanId)).map(() => `${span.name}: no linked span`),
  ]);
}

function has(spans: readonly Span[], spanId: string): boolean {
  return spans.some((span) => span.spanId === spanId);
}

function describe({ name, kind, attributes, status }: Span): string {
  const attempt = attributes["millrace.attempt"] as number | undefined;
  const facts = [
    kind,
    ...(attempt === undefined ? [] : [`attempt ${attempt}`]),
    ...(attributes["millrace.waits"] ? ["waits"] : []),
    ...(attributes["millrace.step.left"] ? ["left"] : []),
    ...(status.code === 2 ? [`error ${String(attributes["error.type"])}`] : []),
  ];
  return `${name} (${facts.join(", ")})`;
}
