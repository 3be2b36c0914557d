import type { IncidentSnapshot } from "@millrace/core/api";
import { counted } from "../../parts/act-dialog.tsx";
import { At } from "../../parts/time.tsx";

/** What runs failed with in that time, and what the incident is about. */
export function IncidentErrors({
  snapshot: { errors, errorGroup },
}: {
  snapshot: IncidentSnapshot;
}) {
  return (
    <>
      {errorGroup && (
        <section class="section">
          <h2>What it is about</h2>
          <ul class="entries">
            <ErrorEntry error={errorGroup} />
          </ul>
        </section>
      )}
      <section class="section">
        <h2>What runs failed with most</h2>
        {errors === null ? (
          <p class="muted">Not known: it was kept no more.</p>
        ) : errors.length === 0 ? (
          <p class="muted">Nothing.</p>
        ) : (
          <ul class="entries">
            {errors.map((error) => (
              <ErrorEntry key={error.fingerprint} error={error} />
            ))}
          </ul>
        )}
      </section>
    </>
  );
}

function ErrorEntry({
  error: { fingerprint, errorClass, message, jobs, count, firstSeen, lastSeen },
}: {
  error: NonNullable<IncidentSnapshot["errorGroup"]>;
}) {
  return (
    <li>
      <div class="entry-main">
        <a class="entry-name" href={`/errors/${fingerprint}`}>
          {errorClass}
        </a>{" "}
        {jobs.join(", ")}
        {message !== null && <p class="muted">{message}</p>}
      </div>
      <span class="muted">
        {counted(count, "run")}, <At at={firstSeen} /> to <At at={lastSeen} />
      </span>
    </li>
  );
}
