import type { Registry } from "../../telemetry/metrics.ts";
import { probeServer } from "../../telemetry/probe-server.ts";
import type { Cli } from "../cli.ts";
import { tell } from "./greeting.ts";
import type { HealthChecks } from "./health.ts";
import { listen } from "./listen.ts";
import type { Serving } from "./serve.ts";

/** Opens the port for probes and metrics, where the settings name one. */
export async function beginProbe(
  cli: Cli,
  { settings, undo, goOn }: Serving,
  { metrics, health }: { metrics: Registry; health: HealthChecks },
): Promise<void> {
  const { probeHost: host, probePort: port } = settings;
  if (port === undefined) return;
  const server = probeServer({
    alive: () => health.alive(),
    ready: () => health.ready(),
    metrics: () => metrics.metrics(),
    metricsType: metrics.contentType,
  });
  undo.add("the probe port", () => server.close());
  const variables = ["MILLRACE_PROBE_HOST", "MILLRACE_PROBE_PORT"] as const;
  tell(
    cli,
    "probes",
    `${await listen(server, { host, port }, variables)}/healthz, /readyz, /metrics`,
  );
  goOn();
}
