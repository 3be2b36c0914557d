import type { AuditHead } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { Refused } from "../../data/problem.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { verifyChain } from "./verify-chain.ts";

type State =
  | { is: "idle" }
  | { is: "reading"; seq: number }
  | { is: "whole"; head: AuditHead }
  | { is: "broken"; why: string };

/** Adds up the hashes of all entries, in this browser: whoever writes the log does not say by itself that it is whole. */
export function AuditVerify() {
  const [state, setState] = useState<State>({ is: "idle" });
  const verify = async () => {
    setState({ is: "reading", seq: 0 });
    try {
      const told = await verifyChain((seq) => setState({ is: "reading", seq }));
      setState(
        typeof told === "string" ? { is: "broken", why: told } : { is: "whole", head: told },
      );
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setState({ is: "broken", why: error.trouble.detail });
    }
  };
  // The browser gives its hashes to pages of https and of this machine alone.
  const cannot = globalThis.isSecureContext
    ? undefined
    : "It takes https; millrace audit verify does it anywhere";
  return (
    <div class="tools" role="status">
      <button
        type="button"
        aria-disabled={cannot !== undefined || state.is === "reading"}
        title={cannot}
        onClick={() => !cannot && state.is !== "reading" && void verify()}
      >
        Verify the chain
      </button>
      {cannot && <span class="muted">{cannot}</span>}
      {state.is === "reading" && (
        <span class="muted">Read {state.seq.toLocaleString("en")} entries…</span>
      )}
      {state.is === "whole" && (
        <span>
          The chain of {state.head.seq.toLocaleString("en")} entries is whole. Head{" "}
          <code>
            {state.head.seq}:{state.head.hash.slice(0, 12)}…
          </code>
          <CopyButton text={`${state.head.seq}:${state.head.hash}`} what="head" />
        </span>
      )}
      {state.is === "broken" && <strong class="wrong">{state.why}</strong>}
    </div>
  );
}
