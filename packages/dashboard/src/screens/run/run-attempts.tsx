import type { Attempt, Run } from "@millrace/core/api";
import { StateBadge } from "../../parts/state-badge.tsx";
import { At, Took } from "../../parts/time.tsx";

/** Each attempt, the last first: how it ended, and the stack of what it threw. */
export function RunAttempts({ run: { attempts } }: { run: Run }) {
  if (attempts.length === 0) return <p class="muted">It has not been tried yet.</p>;
  return (
    <ol class="attempts">
      {attempts.toReversed().map((attempt) => (
        <li key={`${attempt.number} ${attempt.startedAt}`}>
          <One attempt={attempt} />
        </li>
      ))}
    </ol>
  );
}

function One({ attempt }: { attempt: Attempt }) {
  const { number, outcome, startedAt, finishedAt, worker, error, evidence } = attempt;
  return (
    <>
      <h3>
        Try {number} <StateBadge state={outcome} />
      </h3>
      <p class="muted">
        <At at={startedAt} />, <Took from={startedAt} until={finishedAt} />
        {worker !== null && `, worker ${worker}`}
      </p>
      {error && (
        <pre tabIndex={0} role="region" aria-label={`What try ${number} threw`}>
          {error.stack ?? `${error.class}: ${error.message}`}
        </pre>
      )}
      {evidence && (
        <p>
          The {evidence.died} died
          {evidence.signal && `, signal ${evidence.signal}`}
          {evidence.exitCode !== null && `, exit code ${evidence.exitCode}`}
          {evidence.outOfMemory && ", out of memory"}
          {evidence.lastLine && `; its last line: ${evidence.lastLine}`}
        </p>
      )}
    </>
  );
}
