import type { Incident, IncidentSnapshot, OverviewMinute } from "@millrace/core/api";

/** The chart is told in so many lines at the most. */
const MOST_BARS = 12;

/**
 * An incident as text, for where people write about it. What comes from runs and people is escaped, so that it is text and no markup.
 *
 * @param publicUrl of the server, when it knows it
 */
export function incidentMarkdown(incident: Incident, publicUrl: string | undefined): string {
  const { slug, title, query, from, to, by, createdAt, snapshot, notes } = incident;
  const parts = [
    `# ${plain(title)}`,
    `${at(from)} to ${at(to)}. Kept ${at(createdAt)} by ${plain(by)}, as it was then: ${publicUrl ?? ""}/i/${slug}`,
    query === null ? "" : `Looked for: ${code(query)}${foundOf(snapshot)}`,
    ...section("What people found", noteLines(notes)),
    ...section("How runs ended", outcomes(snapshot)),
    ...section("What it is about", groupTable(snapshot.errorGroup && [snapshot.errorGroup])),
    ...section(
      "What runs failed with most",
      snapshot.errors === null ? NOT_KEPT : groupTable(snapshot.errors),
    ),
    ...minuteParts(snapshot.minute),
    ...section(snapshot.ticked ? "Runs" : "Runs, the newest", runTable(snapshot)),
    ...section(
      "New code",
      snapshot.deploys.map(
        (deploy) => `- ${at(deploy.at)} ${plain(deploy.job)} ${code(deploy.version)}`,
      ),
    ),
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

const NOT_KEPT = ["Not known: it was kept no more."];

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${heading}`, lines.join("\n")];
}

function foundOf({ found }: IncidentSnapshot): string {
  if (!found) return "";
  const more = found.more || !found.complete;
  return `, which found ${more ? "more than " : ""}${found.count.toLocaleString("en")} runs`;
}

function noteLines(notes: Incident["notes"]): string[] {
  // A line of its own stays one.
  return notes.map(
    ({ at: when, by, text }) =>
      `- ${at(when)} ${plain(by)}: ${text.split("\n").map(plain).join("\n  ")}`,
  );
}

function outcomes({ bars }: IncidentSnapshot): string[] {
  const together = Math.ceil(bars.at.length / MOST_BARS);
  const rows = [];
  for (let first = 0; first < bars.at.length; first += together) {
    const sum = (of: readonly number[]) =>
      of.slice(first, first + together).reduce((total, each) => total + each, 0);
    const counts = [bars.completed, bars.failed, bars.cancelled].map(sum);
    rows.push([at(bars.at[first]!), ...counts.map(String)]);
  }
  const width = together * bars.seconds;
  return table([`From, for ${width / 60} min`, "Completed", "Failed", "Cancelled"], rows);
}

function groupTable(groups: IncidentSnapshot["errors"]): string[] {
  if (!groups) return [];
  return table(
    ["Error", "Runs", "Jobs", "First", "Last"],
    groups.map(({ errorClass, message, jobs, count, firstSeen, lastSeen }) => [
      plain(message === null ? errorClass : `${errorClass}: ${message}`),
      String(count),
      plain(jobs.join(", ")),
      ...[at(firstSeen), at(lastSeen)],
    ]),
  );
}

function minuteParts(minute: OverviewMinute | null): string[] {
  if (!minute) return [];
  const { standing, alerts, workersLost } = minute;
  return [
    ...section(`In the minute of ${at(minute.at)}`, [
      standing
        ? `${standing.running} ran, ${standing.waiting} waited${standing.oldestWaitSeconds === null ? "" : `, the oldest for ${Math.round(standing.oldestWaitSeconds)} s`}.`
        : "What waited and ran is not known.",
    ]),
    ...section(
      "Queues then",
      standing
        ? table(
            ["Queue", "Waited", "Ran"],
            standing.queues.map(({ queue, waiting, running }) => [
              ...[plain(queue), String(waiting), String(running)],
            ]),
          )
        : [],
    ),
    ...section(
      "Alerts that fired then",
      (alerts ?? []).map(
        ({ severity, rule, subject, firedAt, resolvedAt }) =>
          `- ${severity} ${plain(`${rule} ${subject}`.trim())}, ${at(firedAt)} to ${resolvedAt ? at(resolvedAt) : "now"}`,
      ),
    ),
    ...section(
      "Workers lost in the hour before",
      (workersLost ?? []).map(({ name, lostAt }) => `- ${at(lostAt)} ${plain(name)}`),
    ),
  ];
}

function runTable({ runs }: IncidentSnapshot): string[] {
  return table(
    ["Run", "Job", "State", "Try", "Accepted", "Why"],
    runs.map(({ id, job, state, attempt, createdAt, errorClass, message, why }) => [
      code(id),
      plain(job),
      state,
      String(attempt),
      at(createdAt),
      plain(errorClass === null ? (why ?? "") : [errorClass, message].filter(Boolean).join(": ")),
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

/** To the second, in UTC. */
function at(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Text that is nothing but that, on one line. */
function plain(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  return line.replaceAll(/[\\`*_[\]<>#|~&]/g, "\\$&").replace(/^(\d*)([-+.)=])/, "$1\\$2");
}

/** As it stands, which a backtick would end. */
function code(text: string): string {
  return `\`${text.replaceAll(/\s+/g, " ").replaceAll("`", "ˋ").replaceAll("|", "\\|")}\``;
}
