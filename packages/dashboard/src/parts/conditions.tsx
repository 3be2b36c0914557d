import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../design/icon.tsx";
import type { Trouble } from "../data/problem.ts";
import type { Shown } from "../data/resource.ts";
import { CopyButton } from "./copy-button.tsx";
import { lengthInWords, now } from "./moment.ts";

/** Nothing for the first 150 ms, so that what is quick does not flicker; then rows of the size that will be there. */
export function Loading({ rows = 6, what }: { rows?: number; what: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading" role="status" aria-busy="true">
      <span class="unseen">Loading {what}</span>
      {Array.from({ length: rows }, (_, index) => (
        <div class={late ? "bone" : "bone bone-unseen"} key={index} />
      ))}
    </div>
  );
}

/** What went wrong, and what can be done; never a blank page. */
export function TroublePanel({
  trouble,
  onRetry,
  still,
}: {
  trouble: Trouble;
  onRetry?: (() => void) | undefined;
  /** What works all the same. */
  still?: string;
}) {
  if (trouble.status === 403) return <NoRight trouble={trouble} />;
  return (
    <section class="trouble" role="alert">
      <h2>
        <Icon name="failed" /> {trouble.title}
      </h2>
      <p>{trouble.detail}</p>
      {still && <p class="muted">{still}</p>}
      <p class="row">
        {onRetry && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
        {trouble.requestId && (
          <span class="muted">
            request <code>{trouble.requestId}</code>
            <CopyButton text={trouble.requestId} what="request id" />
          </span>
        )}
      </p>
    </section>
  );
}

function NoRight({ trouble }: { trouble: Trouble }) {
  return (
    <section class="trouble" role="alert">
      <h2>
        <Icon name="cancelled" /> This is not for your role
      </h2>
      <p>{trouble.detail}</p>
      <p class="muted">An admin gives roles: Settings, People.</p>
    </section>
  );
}

/** Nothing is there, and what would fill it. */
export function Empty({
  title,
  command,
  children,
}: {
  title: string;
  /** That fills it, to be copied. */
  command?: string;
  children?: ComponentChildren;
}) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
      {command && (
        <p class="command">
          <code>{command}</code>
          <CopyButton text={command} what="command" />
        </p>
      )}
    </section>
  );
}

/**
 * What a screen shows of a resource: loading, trouble, or the data; old data dimmed, with their age, while there are no new ones.
 *
 * @param what for who hears the page, such as "runs"
 */
export function Given<T>({
  shown,
  what,
  rows,
  children,
}: {
  shown: Shown<T>;
  what: string;
  rows?: number;
  children: (data: T) => ComponentChildren;
}) {
  const { data, trouble, old, at, reload } = shown;
  if (data === undefined) {
    return trouble ? (
      <TroublePanel trouble={trouble} onRetry={reload} />
    ) : (
      <Loading what={what} {...(rows !== undefined && { rows })} />
    );
  }
  const dim = old || trouble !== undefined;
  return (
    <>
      {trouble && <Stale trouble={trouble} at={at} onRetry={reload} />}
      <div class={dim ? "dim" : undefined} aria-busy={old}>
        {children(data)}
      </div>
    </>
  );
}

function Stale({
  trouble,
  at,
  onRetry,
}: {
  trouble: Trouble;
  at: Shown<unknown>["at"];
  onRetry: () => void;
}) {
  return (
    <p class="stale" role="status">
      <Icon name="warning" /> {trouble.title}. {/* Not read aloud each second anew. */}
      <span aria-hidden="true">
        What you see is {lengthInWords(Math.max(1000, now.value - (at.value ?? 0)))} old.
      </span>
      <button type="button" class="link" onClick={onRetry}>
        Try again
      </button>
    </p>
  );
}
