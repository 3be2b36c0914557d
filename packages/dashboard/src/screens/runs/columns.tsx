import type { RunSummary } from "@millrace/core/api";
import type { ComponentChildren } from "preact";
import { shownState } from "../../design/states.ts";
import { lengthInWords, now } from "../../parts/moment.ts";
import { StateBadge } from "../../parts/state-badge.tsx";
import { Age, At, Took } from "../../parts/time.tsx";
import { Words } from "../../parts/words.tsx";
import { shortId } from "./short-id.ts";

export interface Column {
  /** As the address and saved views name it. */
  name: string;
  /** At its head. */
  title: string;
  /** Of a grid, where columns were chosen. */
  width: string;
  /** For who points at it: a cell may be too narrow. */
  hint?: (run: RunSummary) => string | undefined;
  cell: (run: RunSummary) => ComponentChildren;
}

/** What a list of runs can show, in the order in which it stands. The job is always there: it is what one opens. Fields of inputs stand behind the key. */
export const COLUMNS: readonly Column[] = [
  {
    ...{ name: "state", title: "Status", width: "104px" },
    cell: (run) => <StateBadge state={shownState(run)} />,
  },
  {
    ...{ name: "job", title: "Job", width: "minmax(0, 1.6fr)" },
    hint: ({ job }) => job,
    cell: ({ job }) => job,
  },
  {
    ...{ name: "id", title: "Run", width: "84px" },
    hint: ({ id }) => id,
    cell: ({ id }) => <code>{shortId(id)}</code>,
  },
  {
    ...{ name: "why", title: "Why", width: "minmax(0, 2.4fr)" },
    hint: whyOf,
    cell: (run) => <Words text={whyOf(run)} />,
  },
  text("key", "Key", ({ idempotencyKey }) => idempotencyKey),
  text("correlation", "Correlation", ({ correlationId }) => correlationId),
  text("queue", "Queue", ({ queue }) => queue),
  text("trigger", "Cause", ({ trigger }) => trigger),
  text("schedule", "Schedule", ({ schedule }) => schedule),
  text("version", "Version", ({ version }) => version),
  text("worker", "Worker", ({ worker }) => worker?.toString()),
  { name: "priority", title: "Priority", width: "56px", cell: ({ priority }) => priority },
  { name: "try", title: "Try", width: "32px", cell: ({ attempt }) => attempt || "–" },
  { name: "waited", title: "Waited", width: "64px", cell: waited },
  {
    ...{ name: "took", title: "Took", width: "88px" },
    cell: ({ startedAt, finishedAt, state }) => (
      <Took from={startedAt} until={finishedAt ?? (state === "running" ? null : startedAt)} />
    ),
  },
  {
    ...{ name: "accepted", title: "Accepted", width: "minmax(0, 1.2fr)" },
    cell: ({ createdAt }) => <At at={createdAt} />,
  },
  { name: "age", title: "Age", width: "52px", cell: ({ createdAt }) => <Age at={createdAt} /> },
];

function text(
  name: string,
  title: string,
  value: (run: RunSummary) => string | null | undefined,
): Column {
  const shown = (run: RunSummary) => value(run) ?? undefined;
  return {
    ...{ name, title, width: "minmax(0, 1fr)" },
    hint: shown,
    cell: (run) => shown(run) ?? "–",
  };
}

/** Of a field of the input that jobs declare as searchable. */
export function fieldColumn(path: string): Column {
  return text(`${FIELD}${path}`, path, ({ fields }) => fields[path]);
}

/** With which the name of a field's column begins, as a query names it. */
const FIELD = "input.";

/** As many as are ever in view. */
const MOST_FIELDS = 12;

/** What is shown to who has chosen nothing. */
const USUAL = ["state", "job", "id", "why", "queue", "try", "waited", "took", "age"];

/** Where somebody's choice is kept in this browser. */
const KEPT = "millrace-columns";

/**
 * The columns that somebody wants: what the address says, as that of a saved view does; else what was chosen in this browser.
 *
 * @returns undefined for the usual ones, which are laid out for every width
 */
export function chosenColumns(address: string | null): readonly string[] | undefined {
  const names = (address ?? localStorage.getItem(KEPT) ?? "").split(",");
  const known = columnsNamed(names).map(({ name }) => name);
  const chosen = known.includes("job") || known.length === 0 ? known : ["job", ...known];
  return known.length === 0 || isUsual(chosen) ? undefined : chosen;
}

export function keepColumns(names: readonly string[]): void {
  if (isUsual(names)) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, names.join(","));
}

function isUsual(names: readonly string[]): boolean {
  return names.length === USUAL.length && USUAL.every((name) => names.includes(name));
}

export function columnsNamed(names: readonly string[] = USUAL): readonly Column[] {
  const fields = names.filter((name) => name.startsWith(FIELD) && name !== FIELD);
  const paths = [...new Set(fields)].slice(0, MOST_FIELDS).map((name) => name.slice(FIELD.length));
  const behind = COLUMNS.findIndex(({ name }) => name === "key") + 1;
  return [
    ...COLUMNS.slice(0, behind).filter(({ name }) => names.includes(name)),
    ...paths.map(fieldColumn),
    ...COLUMNS.slice(behind).filter(({ name }) => names.includes(name)),
  ];
}

/** One line of why it is as it is. */
function whyOf({ state, error, reason }: RunSummary): string {
  if (state === "completed") return "";
  if (error && (state === "failed" || state === "scheduled")) {
    const [line = ""] = error.message.split("\n");
    return `${error.class}: ${line}`;
  }
  return reason ?? "";
}

/** From when it could have started until it did, or until now. */
function waited({ createdAt, runAt, startedAt, finishedAt, attempt }: RunSummary): string {
  // Of what was tried again, the start of the last attempt says nothing about the wait before the first.
  if (attempt > 1) return "–";
  const from = Math.max(Date.parse(createdAt), runAt ? Date.parse(runAt) : 0);
  const until = startedAt ?? finishedAt;
  const ms = (until ? Date.parse(until) : now.value) - from;
  return ms < 0 ? "–" : lengthInWords(ms);
}
