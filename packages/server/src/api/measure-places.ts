import { Gauge, type Registry } from "../telemetry/metrics.ts";
import type { Database } from "../store/database.ts";
import { HELD_REASONS, countHeld } from "../store/held.ts";
import { countOperations } from "../store/operations.ts";
import { countPlaces } from "../store/places.ts";
import { countingOf } from "./counting.ts";

/** How many runs stand where, and what operations have to do, counted when somebody asks. Without the database only `millrace_database_up` says so. */
export function measurePlaces(registry: Registry, db: Database): void {
  const registers = [registry];
  const counted = countingOf(db, async (tx) => {
    const counts = [countPlaces(tx), countHeld(tx), countOperations(tx)] as const;
    const [places, held, operations] = await Promise.all(counts);
    return { places, held, operations };
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const places = {
    queued: gauge("millrace_runs_queued", "Runs that may start now"),
    running: gauge("millrace_runs_running", "Runs that a worker holds"),
    scheduled: gauge("millrace_runs_scheduled", "Runs that are not due yet"),
    waiting: gauge(
      "millrace_runs_waiting",
      "Runs whose steps wait: for a time, or for an event; or that are parked",
    ),
    parked: gauge("millrace_runs_parked", "Runs whose code does not come to what is on record"),
    dead_letters: gauge("millrace_dead_letters", "Failed runs that nobody has handled"),
    doubts: gauge(
      "millrace_effects_in_doubt",
      "Effects of which a person must say whether they happened",
    ),
    approvals: gauge("millrace_approvals_waiting", "Approvals that nobody has answered yet"),
    oldest_seconds: gauge(
      "millrace_oldest_ready_seconds",
      "How long the oldest run that may start, or is held back, has waited",
    ),
  };
  const held = new Gauge({
    name: "millrace_runs_held",
    help: "Runs that a limit, a rate, a pause or an unfilled batch holds back, by what does",
    labelNames: ["reason"],
    registers,
  });
  const notDue = new Gauge({
    name: "millrace_runs_not_due",
    help: "Runs that are not due, by why: a delay that was asked for, a retry, steps that wait for a time or for somebody, other code",
    labelNames: ["reason"],
    registers,
  });
  const operations = new Gauge({
    name: "millrace_operations",
    help: "Operations over dead letters that have not ended",
    labelNames: ["state"],
    registers,
  });
  const members = gauge(
    "millrace_operation_members_waiting",
    "Dead letters that operations which have not ended are still to handle",
  );
  const up: Gauge = new Gauge({
    name: "millrace_database_up",
    help: "1 when the database answered this scrape",
    registers,
    collect: async () => {
      const answer = await counted.read().catch(() => undefined);
      up.set({}, answer === undefined ? 0 : 1);
      const counts = answer?.places ?? [];
      for (const [place, metric] of Object.entries(places)) {
        metric.reset();
        for (const count of counts) metric.set({}, count[place as keyof typeof places]);
      }
      for (const metric of [held, notDue, operations, members]) metric.reset();
      if (!answer) return;
      for (const { scheduled, retrying, waiting, sleeping, parked } of answer.places) {
        notDue.set({ reason: "delay" }, scheduled - retrying);
        notDue.set({ reason: "retry" }, retrying);
        notDue.set({ reason: "sleep" }, sleeping);
        notDue.set({ reason: "wait" }, waiting - sleeping - parked);
        notDue.set({ reason: "version" }, parked);
      }
      for (const reason of HELD_REASONS) {
        held.set({ reason }, answer.held.find((row) => row.reason === reason)?.runs ?? 0);
      }
      for (const { running, paused, waiting } of answer.operations) {
        operations.set({ state: "running" }, running);
        operations.set({ state: "paused" }, paused);
        members.set({}, waiting);
      }
    },
  });
}
