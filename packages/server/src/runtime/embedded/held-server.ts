import { setTimeout as pause } from "node:timers/promises";

import type { Cluster } from "./cluster.ts";
import type { EmbeddedConnection } from "./endpoint.ts";
import { join } from "./join.ts";
import type { Membership } from "./join.ts";
import { missingSettings } from "./settings.ts";
import { removeSocketFolder } from "./socket-folder.ts";
import { stopServer } from "./stop-server.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export type Release = "stopped" | "left running for others" | "was gone";

/** The running embedded PostgreSQL, as one process holds it. */
export interface EmbeddedServer {
  /** How it came up. */
  readonly how: "created" | "started" | "adopted";
  /** Where the data lie: not always where they were asked for. */
  readonly home: string;
  /** Of the postmaster; another one after a restart. */
  readonly pid: number;
  /** Where it answers now. Read it for every new connection: a restarted server has another address. */
  connection(): EmbeddedConnection;
  /** Leaves, and stops the server if nobody else holds it. May be called again; answers the same then. */
  release(): Promise<Release>;
}

/** How one process holds it. */
export interface HoldOptions {
  readonly keepsProcess: boolean;
  onRestart(): void;
}

/** Holds the server and, until released, makes it run again whenever it ends without our doing. */
export class HeldServer implements EmbeddedServer {
  readonly how: EmbeddedServer["how"];
  readonly #cluster: Cluster;
  readonly #options: HoldOptions;
  readonly #leaving = new AbortController();
  #member: Membership;
  #recovery: Promise<void> | undefined;
  #release: Promise<Release> | undefined;

  static async hold(cluster: Cluster, options: HoldOptions): Promise<HeldServer> {
    return new HeldServer(cluster, options, await join(cluster, { mayCreate: true }));
  }

  private constructor(cluster: Cluster, options: HoldOptions, member: Membership) {
    this.#cluster = cluster;
    this.#options = options;
    this.#member = member;
    this.how = member.running.how;
    this.#tellMissingSettings();
    this.#watch(member);
  }

  get home(): string {
    return this.#cluster.home;
  }

  get pid(): number {
    return this.#member.running.pid;
  }

  connection(): EmbeddedConnection {
    return this.#member.running.connection;
  }

  release(): Promise<Release> {
    return (this.#release ??= this.#leave());
  }

  #recover(): void {
    this.#recovery ??= this.#rejoin().finally(() => (this.#recovery = undefined));
  }

  /** Tries for as long as we hold the server: whoever mends the cause (a full disk) need not restart us. */
  async #rejoin(): Promise<void> {
    const broken = performance.now();
    const { signal } = this.#leaving;
    let reported: string | undefined;
    for (let wait = FIRST_PAUSE_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      this.#member.hold.letGo();
      try {
        this.#member = await join(this.#cluster, { mayCreate: false, signal });
        if (this.#member.presence.isOpen) break; // else it broke again before we could take note
      } catch (error) {
        if (signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        if (message !== reported)
          this.#cluster.report(`PostgreSQL is gone, and does not come back yet: ${message}`);
        reported = message;
      }
      await pause(wait, undefined, { signal }).catch(() => {});
    }
    if (!this.#member.presence.isOpen) return;
    this.#watch(this.#member);
    this.#tellRestart(performance.now() - broken);
  }

  #watch({ presence }: Membership): void {
    presence.whenBroken(() => this.#recover());
    if (!this.#options.keepsProcess) presence.unref();
  }

  #tellRestart(tookMs: number): void {
    const { how, pid } = this.#member.running;
    const what = how === "adopted" ? "answers again" : "was gone and has been started again";
    this.#cluster.report(`PostgreSQL ${what} after ${(tookMs / 1000).toFixed(1)} s (pid ${pid}).`);
    this.#options.onRestart();
  }

  #tellMissingSettings(): void {
    if (this.how !== "adopted") return;
    const missing = missingSettings(this.#cluster);
    if (missing.length === 0) return;
    this.#cluster.report(
      `PostgreSQL already ran with other settings; these count from its next start on: ${missing.join(", ")}.`,
    );
  }

  async #leave(): Promise<Release> {
    this.#leaving.abort();
    await this.#recovery;
    const { hold, presence, running } = this.#member;
    const standing = await presence.leave();
    // A server in another container is out of reach of our signals; whoever started it there stops it.
    const stopped = standing === "last" && running.local && (await this.#stop());
    hold.letGo();
    await presence.close();
    if (standing === "broken") return "was gone";
    if (!stopped) return "left running for others";
    await hold.watchdogEnded();
    removeSocketFolder(this.#cluster, running.socketFolder);
    return "stopped";
  }

  async #stop(): Promise<boolean> {
    const { pid } = this.#member.running;
    const stopped = await stopServer(this.#cluster, pid);
    if (!stopped)
      this.#cluster.report(`PostgreSQL (pid ${pid}) is still shutting down; it ends by itself.`);
    return stopped;
  }
}
