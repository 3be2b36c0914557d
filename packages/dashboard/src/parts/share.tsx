import { useState } from "preact/hooks";
import type { Range } from "../routing/range.ts";
import { ActionButton } from "./action-button.tsx";
import { NotLoaded, useLoaded } from "./later.tsx";

/** What is looked at, as an incident keeps it. */
export interface Shared {
  /** What is searched for, without the time. */
  query?: string;
  /** Undefined for any time. */
  range?: Range | undefined;
  /** The beginning of a minute, in milliseconds. */
  at?: number | undefined;
  /** Runs that were chosen. */
  runs?: ReadonlySet<string>;
  /** A group of errors, and what it is called. */
  errorGroup?: { fingerprint: string; title: string };
}

const load = async () => (await import("../screens/incidents/share-dialog.tsx")).ShareDialog;

/** Keeps what is looked at as it is now, under an address for others. */
export function Share({ shared, children = "Share" }: { shared: Shared; children?: string }) {
  const [open, setOpen] = useState(false);
  const { Part, failed } = useLoaded(open ? load : undefined);
  return (
    <>
      <ActionButton permission="operate" onPress={() => setOpen(true)}>
        {children}
      </ActionButton>
      {open && failed && <NotLoaded />}
      {open && Part && <Part shared={shared} onClose={() => setOpen(false)} />}
    </>
  );
}
