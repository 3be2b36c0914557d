import type { Database } from "millrace";
import { until } from "../support/until.ts";

/** Asks the API: a GET, or what is given by POST or by the method that is said. */
export type Ask = <T>(path: string, json?: unknown, method?: string) => Promise<T>;

const TENANTS = ["acme", "globex", "initech", "umbra"];

interface Dead {
  runId: string;
  fingerprint: string;
  job: string;
}

/** What has pictures of its own. */
export interface Told {
  failed: string;
  fingerprint: string;
  workflow: string;
  importing: string;
}

/** An hour of which nothing is left but how many runs ended: more by day, some failures, and a bad quarter of an hour. */
export async function tellPast(db: Database): Promise<void> {
  await db.query(
    `insert into millrace.end_minute (at, job, outcome, ends)
     select date_trunc('minute', now()) - n * interval '1 minute', 'contact.sync', outcome,
       case outcome when 'completed' then 90 + (40 * sin(n / 7.0))::integer + n * 7919 % 23
         else n * 104729 % 5 + case when n between 12 and 26 then 18 else 0 end end
     from generate_series(1, 59) n, unnest(array['completed', 'failed']) outcome
     on conflict do nothing`,
  );
}

/** What was seen of that quarter of an hour, kept. @returns its address */
export async function keepQuarter(db: Database, ask: Ask, fingerprint: string): Promise<string> {
  const at = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 20 * 60_000).toISOString();
  await db.query(
    `with looked as (insert into millrace.queue_sample (minute, at, starts) values ('${at}', '${at}', '{}') on conflict do nothing)
     insert into millrace.standing_minute (at, job, queue, waiting, running, oldest_seconds)
     values ('${at}', 'contact.sync', 'crm', 1204, 12, 734), ('${at}', 'mail.send', 'mail', 86, 4, 12) on conflict do nothing`,
  );
  const { slug } = await ask<{ slug: string }>("/api/v1/incidents", {
    title: "Contacts were not synced",
    note: "The CRM answers 503 since 13:02. Ana asks them.",
    ...{ query: "job:contact.sync status:failed", at, errorGroup: fingerprint },
    from: new Date(Date.now() - 3_600_000).toISOString(),
    to: new Date().toISOString(),
  });
  await ask(`/api/v1/incidents/${slug}/notes`, { text: "They have rolled back; rerun at 13:40." });
  return slug;
}

/** Half a minute at a company: all that its jobs do, and what goes wrong with them. */
export async function tellStory(ask: Ask): Promise<Told> {
  const run = (job: string, input: unknown = {}, more: object = {}) =>
    ask<{ id: string }>("/api/v1/runs", { job, input, ...more });
  const workflow = await run("customer.onboard", { account: "A-1041", tenant: "acme" });
  const importing = await run("orders.import", { tenant: "globex", pages: 12 });
  await run("orders.import", { tenant: "acme", pages: 40 });
  await run("order.charge", { order: "7731", cents: 184_000 });
  for (let n = 0; n < 40; n++) {
    await run("order.charge", { order: String(7700 + n), cents: 1990 + n * 13 });
    await run("sessions.clean");
  }
  for (let n = 0; n < 96; n++) {
    const [contactId, region] = [`c-${800 + n}`, n % 3 === 0 ? "eu" : "us"];
    const input = { contactId, tenant: TENANTS[n % TENANTS.length], region };
    await run("contact.sync", input, { idempotencyKey: `sync:${contactId}` });
  }
  for (let n = 0; n < 4; n++) await run("invoice.pdf", { invoice: `F-20${31 + n}` });
  for (let n = 0; n < 12; n++) {
    await run("invoice.pdf", { invoice: `F-20${40 + n}`, lines: [1, 2, 3] });
  }
  for (let n = 0; n < 120; n++) {
    await run("mail.send", { to: `reader${n}@example.com`, template: "digest" });
  }
  await run("digest", {}, { delay: "6h" });
  await run("mail.send", { to: "ada@example.com", template: "welcome" }, { delay: "1d" });

  for (const of of ["approvals", "doubts"]) {
    await until(`somebody is asked for ${of}`, async () => {
      const answer = await ask<Record<string, unknown[]>>(`/api/v1/${of}`);
      return answer[of]!.length > 0;
    });
  }
  // While it works: what it does then is worth a picture.
  await ask("/api/v1/workers/1/stack", {});
  const dead = await until("all that fails has failed", async () => {
    const { deadLetters } = await ask<{ deadLetters: Dead[] }>("/api/v1/dead-letters?limit=100");
    return deadLetters.length === 36 && deadLetters;
  });
  await until("the worker has looked what it does", async () => {
    return (await ask<{ sample: unknown }>("/api/v1/workers/1/stack")).sample;
  });
  await furnish(ask, dead.find(({ job }) => job === "invoice.pdf")!.fingerprint);
  const { runId, fingerprint } = dead.find(({ job }) => job === "contact.sync")!;
  return { failed: runId, fingerprint, workflow: workflow.id, importing: importing.id };
}

/** What people have set up, and an operation of theirs. */
async function furnish(ask: Ask, fingerprint: string): Promise<void> {
  await ask("/api/v1/keys", { name: "shop", role: "editor", expiresIn: "90d" });
  await ask("/api/v1/keys", { name: "billing", role: "operator" });
  await ask("/api/v1/people", { email: "ana@example.com", role: "operator" });
  await ask("/api/v1/projects", { name: "billing" });
  await ask("/api/v1/secrets/CRM_TOKEN", { value: "tok_8f3a91c2", jobs: ["contact.sync"] }, "PUT");
  await ask(
    "/api/v1/webhooks/subscriptions/chat",
    { url: "https://hooks.example.com/millrace", events: ["run.dead_lettered"] },
    "PUT",
  );
  await ask("/api/v1/alert-silences", {
    rule: "oldest-wait",
    subject: "mail",
    for: "2h",
    reason: "the provider is down until noon",
  });
  await ask("/api/v1/operations", { kind: "rerun", filter: { fingerprint }, canary: true });
  await ask("/api/v1/queues/mail/drain", { reason: "it moves to other machines", for: "4h" });
  await ask("/api/v1/jobs/sessions.clean/disable", { reason: "it deletes sessions that live" });
}
