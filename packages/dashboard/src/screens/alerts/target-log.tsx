import type { NotificationInfo } from "@millrace/core/api";
import { Pages } from "../../parts/pages.tsx";
import { Ago } from "../../parts/time.tsx";
import { pathOfTarget } from "./target-words.ts";

interface NotificationPage {
  notifications: NotificationInfo[];
  nextCursor: string | null;
}

/** What a target was told, or is to be, the newest first: with what went wrong. */
export function TargetLog({ name }: { name: string }) {
  const path = `${pathOfTarget(name)}/notifications?limit=10`;
  return (
    <Pages<NotificationPage>
      what="what it was told"
      pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
      next={(page) => page.nextCursor}
    >
      {({ notifications }, isFirst) =>
        notifications.length === 0 && isFirst ? (
          <p class="muted">Nothing yet.</p>
        ) : (
          <ul class="plain">
            {notifications.map((one) => (
              <Told key={one.id} told={one} />
            ))}
          </ul>
        )
      }
    </Pages>
  );
}

function Told({ told }: { told: NotificationInfo }) {
  const { at, rule, event, outcome, attempts, nextAttemptAt, status, error } = told;
  return (
    <li>
      <Ago at={at} /> {rule ?? "a test"} <span class="muted">{event}</span>:{" "}
      <span class={outcome === "given up" ? "wrong" : undefined}>
        {outcome ?? (attempts === 0 ? "about to be sent" : "to be tried again")}
      </span>
      {outcome === null && attempts > 0 && (
        <>
          {" "}
          <Ago at={nextAttemptAt} />
        </>
      )}
      {error !== null && (
        <span class="wrong">
          {" "}
          {status !== null && `${status}: `}
          {error}
        </span>
      )}
    </li>
  );
}
