import type { HttpTry } from "@millrace/sdk/http";
import { BoundedLabel, Counter, Histogram, type Registry } from "../telemetry/metrics.ts";

/** Hosts beyond these are counted together: their names may come from inputs. Those that jobs name have a place of their own. */
const MAX_HOST_LABELS = 100;

/** What a worker counts of the calls of its handlers. */
export class HttpMetrics {
  readonly #requests: Histogram<"host" | "outcome">;
  readonly #openings: Counter<"host">;
  readonly #hosts: BoundedLabel;

  /** @param known URLs of the hosts that jobs name */
  constructor(registry: Registry, known: readonly string[]) {
    const registers = [registry];
    const hosts = new Set(known.map((url) => new URL(url).host));
    this.#hosts = new BoundedLabel(MAX_HOST_LABELS + hosts.size);
    for (const host of hosts) this.#hosts.of(host);
    this.#requests = new Histogram({
      name: "millrace_fetch_duration_seconds",
      help: "Time until the answer to a request of ctx.fetch began, each try for itself",
      labelNames: ["host", "outcome"],
      registers,
    });
    this.#openings = new Counter({
      name: "millrace_fetch_breaker_openings_total",
      help: "Times that a host failed so often that it was left alone for a while",
      labelNames: ["host"],
      registers,
    });
  }

  readonly tried = ({ host, outcome, ms }: HttpTry): void => {
    this.#requests.observe({ host: this.#hosts.of(host), outcome }, ms / 1000);
  };

  readonly opened = (host: string): void => {
    this.#openings.inc({ host: this.#hosts.of(host) });
  };
}
