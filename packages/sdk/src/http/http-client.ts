import { MillraceError } from "@millrace/core";
import { Connections } from "./connections.ts";
import { DEFAULT_POLICY, type Host, type HostPolicy } from "./define-host.ts";
import type { FetchOrder } from "./fetch-order.ts";
import { HostGate } from "./host-gate.ts";
import { type CallGround, HttpCall } from "./http-call.ts";
import { type HttpClock, SYSTEM_CLOCK } from "./http-clock.ts";
import type { OutboundGuard } from "./outbound-guard.ts";

/** Hosts of which limits and failures are remembered. A flood of others takes the place of those that were quiet longest. */
const MAX_GATES = 1000;

/** A request that was sent, or was not because its host is left alone. */
export interface HttpTry {
  /** With its port, where that is not the usual one. */
  readonly host: string;
  /** Such as `2xx`, or why there was no answer. */
  readonly outcome:
    | "2xx"
    | "3xx"
    | "4xx"
    | "5xx"
    | "timeout"
    | "network"
    | "circuit_open"
    | "busy"
    | "aborted";
  /** Until its answer began. */
  readonly ms: number;
}

export interface HttpClientOptions {
  readonly guard: OutboundGuard;
  readonly clock?: HttpClock;
  /** A number in [0, 1), for the spread of retries. */
  readonly random?: () => number;
  /** Told of every try. */
  readonly onTry?: (made: HttpTry) => void;
  /** Told of a host that is left alone from now on. */
  readonly onOpen?: (host: string) => void;
}

/** Makes the calls of the handlers of a process. What it knows of hosts (limits, failures) it knows of this process alone. */
export class HttpClient {
  readonly guard: OutboundGuard;
  readonly clock: HttpClock;
  readonly random: () => number;
  readonly connections: Connections;
  readonly onTry: (made: HttpTry) => void;
  readonly onOpen: (host: string) => void;
  readonly #hosts = new Map<string, Host>();
  readonly #gates = new Map<string, HostGate>();

  constructor({ guard, clock, random, onTry, onOpen }: HttpClientOptions) {
    this.guard = guard;
    this.clock = clock ?? SYSTEM_CLOCK;
    this.random = random ?? Math.random;
    this.connections = new Connections(guard);
    this.onTry = onTry ?? (() => {});
    this.onOpen = onOpen ?? (() => {});
  }

  /**
   * Takes over how hosts are to be called.
   *
   * @throws MillraceError `duplicate_host` when one was defined otherwise before
   */
  learn(hosts: readonly Host[]): void {
    for (const host of hosts) {
      const other = this.#hosts.get(host.url);
      if (other === host || host.policy === null) continue;
      if (other && JSON.stringify(other.policy) !== JSON.stringify(host.policy)) {
        throw new MillraceError(
          "duplicate_host",
          `two definitions of ${host.url} are not alike; define it once, export that, and name it in the hosts of each job`,
        );
      }
      this.#hosts.set(host.url, host);
      // It may have been called before by the defaults.
      if (!other) this.#gates.delete(host.url);
    }
  }

  /** @throws HttpError, NoAnswerError, MillraceError, and the reason of a signal: see `Fetch` */
  send(order: FetchOrder, ground: CallGround, own?: AbortSignal): Promise<Response> {
    return new HttpCall(this, order, ground, own).answer();
  }

  policyOf(origin: string): HostPolicy {
    return this.#hosts.get(origin)?.policy ?? DEFAULT_POLICY;
  }

  /** The way to a host, the same for all who ask. */
  gateOf(origin: string): HostGate {
    const gate = this.#gates.get(origin) ?? new HostGate(this.policyOf(origin), this.clock);
    // The one that was asked for last is the last in it.
    this.#gates.delete(origin);
    this.#gates.set(origin, gate);
    if (this.#gates.size > MAX_GATES) this.#forgetOne();
    return gate;
  }

  close(): Promise<void> {
    return this.connections.close();
  }

  #forgetOne(): void {
    const quiet = [...this.#gates].find(([, gate]) => gate.idle)?.[0];
    const [oldest] = this.#gates.keys();
    this.#gates.delete(quiet ?? oldest!);
  }
}
