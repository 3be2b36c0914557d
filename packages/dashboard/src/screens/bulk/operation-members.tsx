import type { Operation, OperationMembers } from "@millrace/core/api";
import { StateBadge } from "../../parts/state-badge.tsx";
import { isOver } from "./operation-words.ts";
import { Pages } from "../../parts/pages.tsx";
import { Ago } from "../../parts/time.tsx";
import { place, withQuery } from "../../routing/router.ts";

/** What it is about, each with what became of it; by outcome, where one is asked for in the address. */
export function OperationMembersList({ operation, path }: { operation: Operation; path: string }) {
  const { query } = place.value;
  const [outcome, ended] = [query.get("outcome"), query.get("ended")];
  const { kind, total, done, skipped, refused, reruns } = operation;
  const isMaking = kind === "rerun" || kind === "backfill";
  const chips: readonly (readonly [
    title: string,
    count: number,
    outcome?: string | undefined,
    ended?: string,
  ])[] = [
    ["All", total],
    ["Done", done, "done"],
    ["Skipped", skipped, "skipped"],
    ["Refused", refused, "refused"],
    ...(isMaking
      ? ([
          ["Reruns completed", reruns.completed, undefined, "completed"],
          ["Reruns failed", reruns.failed, undefined, "failed"],
          ["Reruns cancelled", reruns.cancelled, undefined, "cancelled"],
        ] as const)
      : []),
  ];
  const asked = new URLSearchParams({ limit: "50" });
  if (outcome) asked.set("outcome", outcome);
  if (ended) asked.set("ended", ended);
  return (
    <section class="section">
      <h2>What became of them</h2>
      <nav class="chips" aria-label="Outcomes">
        {chips.map(([title, count, ofOutcome, ofEnd]) => (
          <a
            key={title}
            class="chip"
            href={withQuery({ outcome: ofOutcome, ended: ofEnd })}
            aria-current={
              (ofOutcome ?? null) === outcome && (ofEnd ?? null) === ended ? "true" : undefined
            }
          >
            {title} <span class="count">{count.toLocaleString("en")}</span>
          </a>
        ))}
      </nav>
      {kind !== "backfill" && reruns.open > 0 && (
        <p class="muted">{reruns.open.toLocaleString("en")} reruns are still under way.</p>
      )}
      <Pages<OperationMembers>
        key={asked.toString()}
        what="members"
        pathOf={(after) => `${path}/members?${asked}${after ? `&after=${after}` : ""}`}
        next={(page) => page.next}
      >
        {({ members }, isFirst) =>
          members.length === 0 && isFirst ? (
            <p class="muted">None.</p>
          ) : (
            <ul class="entries">
              {members.map((member) => (
                <Member key={member.runId} member={member} over={isOver(operation)} />
              ))}
            </ul>
          )
        }
      </Pages>
    </section>
  );
}

function Member({
  member: { runId, outcome, at, rerun, ended, detail },
  over,
}: {
  member: OperationMembers["members"][number];
  /** Whether the operation has ended. */
  over: boolean;
}) {
  return (
    <li>
      <div class="entry-main">
        <a href={`/runs/${runId}`}>
          <code>{runId.slice(-8)}</code>
        </a>{" "}
        {outcome ?? (over ? "left as it was" : "waits for its turn")}
        {detail && `: ${detail}`}
        {rerun && rerun !== runId && (
          <>
            {" "}
            →{" "}
            <a href={`/runs/${rerun}`}>
              <code>{rerun.slice(-8)}</code>
            </a>
          </>
        )}
      </div>
      <div class="entry-side">
        {ended && <StateBadge state={ended} />} {at && <Ago at={at} />}
      </div>
    </li>
  );
}
