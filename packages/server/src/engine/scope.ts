import { MillraceError } from "@millrace/core";
import { type Caller, requireWhole } from "../security/caller.ts";
import { FIND_WITHIN, type ObjectKind } from "../store/scope.ts";
import type { Queryable } from "../store/statement.ts";
import { noTarget } from "./alerts/no-target.ts";

/** A queue that is to be changed: one that is shared by all projects is nobody's of one. */
export type TargetKind = ObjectKind | "ownQueue";

/** What a caller is about to look at or to change, by what it is called: each must be there for them. */
export type Targets = { readonly [Kind in TargetKind]?: string | number };

/**
 * What an act is about: the whole installation; things that it names; or nothing that is there already, and then the work itself keeps to
 * the caller's projects.
 */
export type Scope = "installation" | "own" | Targets;

/**
 * Holds a caller to their projects: what belongs to others is not there for them. Who is confined to none pays nothing for it.
 *
 * @throws MillraceError `forbidden` for what concerns the whole installation; what is said of that which is not there
 */
export async function requireWithin(db: Queryable, caller: Caller, scope: Scope): Promise<void> {
  if (caller.projects === null || scope === "own") return;
  if (scope === "installation") return requireWhole(caller);
  for (const [kind, id] of Object.entries(scope) as [TargetKind, string | number][]) {
    const object = kind === "ownQueue" ? "queue" : kind;
    const [found] = await FIND_WITHIN[object](db, String(id), caller.projects);
    if (!found) {
      throw object === "alertTarget"
        ? await noTarget(db, caller.projects, String(id))
        : absent(object, id);
    }
    if (kind === "ownQueue" && found.shared) throw sharedQueue(id);
  }
}

/** What is said of something that is not there, or that is of another project. */
function absent(kind: Exclude<ObjectKind, "alertTarget">, id: string | number): MillraceError {
  const quoted = JSON.stringify(id);
  switch (kind) {
    case "run":
      return new MillraceError("run_not_found", `there is no run ${id}`);
    case "deadLetter":
      return new MillraceError("dead_letter_not_found", `run ${id} is not a dead letter`);
    case "job":
      return new MillraceError(
        "not_found",
        `no job named ${quoted} is registered; GET /api/v1/jobs lists those that are`,
      );
    case "queue":
      return new MillraceError("queue_not_found", `there is no queue ${quoted}`);
    case "schedule":
      return new MillraceError("schedule_not_found", `there is no schedule ${quoted}`);
    case "operation":
      return new MillraceError("operation_not_found", `there is no operation ${id}`);
    case "secret":
      return new MillraceError(
        "secret_not_found",
        `there is no secret ${quoted}; GET /api/v1/secrets lists them`,
      );
    case "endpoint":
    case "subscription":
      return new MillraceError(
        "webhook_not_found",
        `there is no ${kind} ${quoted}; GET /api/v1/webhooks lists them`,
      );
    case "delivery":
      return new MillraceError("delivery_not_found", `there is no delivery ${id} on record`);
    case "alert":
      return new MillraceError("alert_not_found", `there is no alert ${id} on record`);
    case "alertRule":
      return new MillraceError(
        "alert_rule_not_found",
        `there is no alert rule ${quoted}; GET /api/v1/alert-rules lists them`,
      );
    case "alertSilence":
      return new MillraceError(
        "alert_silence_not_found",
        `there is no silence ${id}; GET /api/v1/alert-silences lists those that hold`,
      );
    case "worker":
      return new MillraceError(
        "worker_not_found",
        `there is no worker ${id}; GET /api/v1/workers lists them`,
      );
    case "key":
      return new MillraceError(
        "key_not_found",
        `there is no key ${quoted}; GET /api/v1/keys lists them`,
      );
  }
}

function sharedQueue(name: string | number): MillraceError {
  return new MillraceError(
    "forbidden",
    `queue ${JSON.stringify(name)} is shared by all projects, so it takes a caller who is confined to none to change it; give your jobs a queue of their own`,
  );
}
