import type { ApiUnderTest } from "./api.ts";

/** What a minute of a while ago has left in every place. */
export async function seedMinute(api: Pick<ApiUnderTest, "db">, at: Date, job = "nothing") {
  const run = async (text: string) => api.db.query(text.replaceAll("$at", `'${at.toISOString()}'`));
  for (const [outcome, ends] of Object.entries({
    completed: 7,
    failed: 2,
    cancelled: 1,
    lost: 3,
  })) {
    for (const unit of ["minute", "hour"]) {
      await run(
        `insert into millrace.end_${unit} values (date_trunc('${unit}', $at::timestamptz), '${job}', '${outcome}', ${ends})
         on conflict (at, job, outcome) do update set ends = end_${unit}.ends + excluded.ends`,
      );
    }
  }
  await run("insert into millrace.queue_sample (minute, at, starts) values ($at, $at, '{}')");
  await run(`insert into millrace.standing_minute values ($at, '${job}', 'slow', 4, 1, 61.5)`);
  await run("insert into millrace.call_minute values ($at, 'default', 'crm.example', 9, 2, '{9}')");
  await run(
    `insert into millrace.error_group (fingerprint, job, error_class, first_seen, last_seen, runs, last_run)
     values ('00000000000000dd', '${job}', 'HttpError', $at, $at, 2, millrace.new_uuid())`,
  );
  await run(
    `insert into millrace.error_slot values (date_bin('5 minutes', $at, 'epoch'), '00000000000000dd', '${job}', 2)`,
  );
  for (const [rule, fired, resolved] of [
    ["over-before", "10 minutes", "$at::timestamptz - interval '5 minutes'"],
    ["then", "5 minutes", "$at::timestamptz + interval '5 minutes'"],
    ["still", "1 minute", "null"],
    ["later", "-2 minutes", "null"],
  ] as const) {
    await run(
      `insert into millrace.alert (id, rule, kind, project, subject, state, severity, value, threshold, since, fired_at, resolved_at)
       select (substr(millrace.uuid_floor(t)::text, 1, 14) || '7000-8000-000000000000')::uuid, '${rule}', 'oldest-wait', null, 'slow', ${resolved === "null" ? "'firing'" : "'resolved'"}, 'warning', 1, 1, t, t, ${resolved}
       from (select $at::timestamptz - interval '${fired}' as t) f`,
    );
  }
  await run(
    `insert into millrace.worker (name, concurrency, queues, jobs, version, lease_ms, state, ended_at)
     values ('box', 1, '{}', '{}', '1', 1, 'lost', $at::timestamptz - interval '10 minutes')`,
  );
  await run(
    `insert into millrace.job_version values ('${job}', '7', $at::timestamptz - interval '20 minutes')`,
  );
}

/** The beginning of a minute of so long ago. */
export const minuteAgo = (ms: number) => new Date(Math.floor((Date.now() - ms) / 60_000) * 60_000);
