import {
  ChangeErrorGroup,
  ErrorGroup,
  ErrorGroupDetail,
  ErrorGroupPage,
  FingerprintParam,
  ListErrorGroups,
} from "@millrace/core/api";
import { changeGroup, noGroup } from "../../engine/errors/change-group.ts";
import { diffBetween } from "../../engine/errors/payload-diff.ts";
import { inWords, whatIsCommon } from "../../engine/errors/what-is-common.ts";
import { openRows } from "../../engine/subjects/open-content.ts";
import {
  type ErrorGroupRow,
  listErrorGroups,
  readDeployBefore,
  readErrorGroup,
  readErrorHours,
  readErrorSample,
  readErrorVersions,
  sampleFailures,
  sampleSuccesses,
} from "../../store/error-groups.ts";
import { storableInstant } from "../accept.ts";
import { instant } from "../present/instant.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

/** Runs of each kind that are compared, and how many are looked at to find them. */
const SAMPLE = 200;
const SAMPLE_WINDOW = 20_000;

export function errorGroupRoutes(app: Api, { db, lists, subjects }: Context): void {
  app.get(
    "/api/v1/errors",
    {
      schema: {
        tags: ["errors"],
        operationId: "listErrorGroups",
        permission: "read",
        scope: "own",
        summary: "List what runs fail with, by fingerprint",
        description:
          "Failed runs are counted within some seconds. Groups are kept for a quarter of a year after they came last.",
        querystring: ListErrorGroups,
        response: { 200: ErrorGroupPage },
      },
    },
    async (request) => {
      const { state, job, since, sort, limit, cursor } = request.query;
      const [us, fingerprint] = cursor?.split("-") ?? [];
      const rows = await lists.bounded(request.caller, db, (tx) =>
        listErrorGroups(
          tx,
          state === "all" ? null : state,
          job ?? null,
          since === undefined ? null : new Date(since),
          sort,
          limit,
          us === undefined ? null : Number(us),
          fingerprint ?? null,
          request.caller.projects,
        ),
      );
      const last = rows.at(-1);
      const full = sort === "recent" && rows.length === limit && last;
      return {
        groups: (await openRows(subjects, rows)).map(presentGroup),
        nextCursor: full ? `${last.seen_us}-${last.fingerprint}` : null,
      };
    },
  );

  app.get(
    "/api/v1/errors/:fingerprint",
    {
      schema: {
        tags: ["errors"],
        operationId: "getErrorGroup",
        permission: "read",
        scope: "own",
        summary: "Look at what runs fail with, and what they have in common",
        params: FingerprintParam,
        querystring: NoQuery,
        response: { 200: ErrorGroupDetail },
        problems: ["error_group_not_found"],
      },
    },
    async (request) => {
      const { fingerprint } = request.params;
      const { projects } = request.caller;
      const read = await lists.bounded(request.caller, db, async (tx) => {
        const [group] = await readErrorGroup(tx, fingerprint, projects);
        if (!group) throw noGroup(fingerprint);
        const failures = await sampleFailures(tx, fingerprint, SAMPLE_WINDOW, SAMPLE, projects);
        const [job] = group.jobs;
        return {
          group,
          failures: failures.filter((row) => row.job === job),
          successes: await sampleSuccesses(tx, job!, SAMPLE_WINDOW, SAMPLE),
          hours: await readErrorHours(tx, fingerprint, projects),
          versions: await readErrorVersions(tx, [fingerprint], projects),
          deploys: await readDeployBefore(tx, group.jobs, group.first_seen),
          samples: await readErrorSample(tx, group.last_run),
        };
      });
      const { failures, successes, deploys } = read;
      const [group] = await openRows(subjects, [read.group]);
      const [sample] = await openRows(subjects, read.samples);
      const [deploy] = deploys;
      // As it is stored: what is encrypted is not compared.
      const [latest] = read.samples;
      return {
        ...presentGroup(group!),
        hours: read.hours.map(({ at, runs }) => ({ at: instant(at), count: runs })),
        versions: read.versions.map((row) => ({
          ...{ job: row.job, version: row.version || null, count: row.runs },
          ...{ firstSeen: instant(row.first_seen), lastSeen: instant(row.last_seen) },
        })),
        deployBefore: deploy
          ? { job: deploy.job, version: deploy.version, at: instant(deploy.first_seen) }
          : null,
        sample: sample
          ? {
              ...{ run: sample.run, job: sample.job, failedAt: instant(sample.failed_at) },
              ...{ errorClass: sample.error_class, message: sample.error_message },
              ...{ stack: sample.error_stack, input: sample.input },
            }
          : null,
        common: whatIsCommon(failures, successes).map((common) => ({
          ...common,
          text: inWords(common),
        })),
        commonOf: { failures: failures.length, successes: successes.length },
        diff: latest
          ? diffBetween(
              latest.input,
              successes.find(({ job }) => job === latest.job),
            )
          : null,
      };
    },
  );

  app.patch(
    "/api/v1/errors/:fingerprint",
    {
      schema: {
        tags: ["errors"],
        operationId: "changeErrorGroup",
        permission: "operate",
        scope: "own",
        summary: "Snooze a group of errors, assign it, or say that it is fixed",
        description: "What is not told stays; null takes back.",
        params: FingerprintParam,
        querystring: NoQuery,
        body: ChangeErrorGroup,
        response: { 200: ErrorGroup },
        problems: ["error_group_not_found"],
      },
    },
    async (request) => {
      const { fingerprint } = request.params;
      const { snoozedUntil } = request.body;
      // A year that no answer could tell would keep the whole list from being told.
      if (typeof snoozedUntil === "string") storableInstant(snoozedUntil, "/snoozedUntil");
      await changeGroup(db, request.caller, fingerprint, request.body);
      const rows = await readErrorGroup(db, fingerprint, request.caller.projects);
      const [group] = await openRows(subjects, rows);
      if (!group) throw noGroup(fingerprint);
      return presentGroup(group);
    },
  );
}

function presentGroup(row: ErrorGroupRow): ErrorGroup {
  return {
    fingerprint: row.fingerprint,
    errorClass: row.error_class,
    message: row.error_message ?? "",
    count: row.runs,
    firstSeen: instant(row.first_seen),
    lastSeen: instant(row.last_seen),
    jobs: row.jobs,
    lastHour: row.last_hour,
    dayBefore: row.day_before,
    sampleRun: row.last_run,
    state: row.state,
    snoozedUntil: instant(row.snoozed_until),
    assignedTo: row.assigned_to,
    fixed: row.fixed_at && {
      ...{ at: instant(row.fixed_at), by: row.fixed_by ?? "" },
      version: row.fixed_version,
    },
    reopenedAt: instant(row.reopened_at),
    note: row.note,
  };
}
