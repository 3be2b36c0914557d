import type { AlertInfo } from "@millrace/core/api";
import { Icon } from "../../design/icon.tsx";

const SHAPES = { critical: "failed", warning: "warning", info: "queued" } as const;

/** How much an alert matters: colour, shape and word. */
export function Severity({ severity }: { severity: AlertInfo["severity"] }) {
  return (
    <span class={`severity severity-${severity}`}>
      <Icon name={SHAPES[severity]} /> {severity}
    </span>
  );
}
