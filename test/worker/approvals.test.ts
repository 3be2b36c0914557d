import {
  type Approval,
  type ApprovalLink,
  type ApprovalOptions,
  type Context,
  NonRetryableError,
  defineJob,
} from "@millrace/sdk";
import { Claimer, type WorkerOptions, cancel, settle } from "millrace";
import type { Role } from "@millrace/core";
import { describe, expect, test } from "vitest";
import { answerTo } from "../../packages/server/src/engine/answer-approval.ts";
import { rerun } from "../../packages/server/src/engine/rerun.ts";
import { takeBackLost } from "../../packages/server/src/engine/take-back.ts";
import { askApprovals, keepWithdrawals } from "../../packages/server/src/store/approvals.ts";
import { noteLinks } from "../../packages/server/src/store/links.ts";
import type { Keeping } from "../../packages/server/src/store/steps.ts";
import { takeWaits } from "../../packages/server/src/store/waits.ts";
import { by } from "../support/caller.ts";
import { claimOne } from "../support/claim-one.ts";
import { Mill, signal } from "../support/mill.ts";
import { until } from "../support/until.ts";

function workflow(run: (ctx: Context) => unknown, maxAttempts = 4) {
  return defineJob({
    name: "workflow",
    retry: { maxAttempts, firstDelay: "1ms", maxDelay: "1ms" },
    run: (_input, ctx) => run(ctx),
  });
}

async function started(run: (ctx: Context) => unknown, options: Partial<WorkerOptions> = {}) {
  const mill = await Mill.create(workflow(run));
  await mill.startWorker({ publicUrl: () => "https://ops.example.com", ...options });
  await mill.startDispatcher();
  return { mill, id: await mill.enqueue("workflow") };
}

const say = async (
  mill: Mill,
  runId: string,
  approved: boolean,
  {
    who = "ana",
    role = "operator",
    ...more
  }: { who?: string; role?: Role; [more: string]: unknown } = {},
) => {
  const caller = { via: "api", caller: by(who, role) } as const;
  const which = { runId, name: undefined, ordinal: undefined };
  const answered = await answerTo(mill.db, caller, { ...which, approved, note: null, ...more });
  for (const queue of answered.queues) mill.bell.ring(queue);
  return answered;
};

const waitsOf = (mill: Mill) =>
  mill.rows("select name, ordinal, ask, details, met_at is not null as met from millrace.waiter");

const stepsOf = (mill: Mill) =>
  mill.rows("select name, ordinal, kind, value from millrace.step order by seq");

/** As if so much time had passed since everything was asked for. */
const past = (mill: Mill, hours: number) =>
  mill.rows(
    `with w as (update millrace.waiter set due_at = due_at - $1::float8 * interval '1 hour')
     update millrace.timer set due_at = due_at - $1::float8 * interval '1 hour'`,
    [hours],
  );

describe("a step that asks for approval", () => {
  test("holds no worker, and gives what was said, by whom and when, in every later attempt the same", async () => {
    const given: (Approval | null)[] = [];
    const { mill, id } = await started(async ({ step }) => {
      const said = await step.approval("refund", { ask: "Refund 5 €?", details: { order: 7 } });
      given.push(said);
      if (given.length < 2) throw new Error("after the answer");
      return said?.approved;
    });
    await mill.untilState(id, "waiting");
    expect(await mill.rows("select 1 from millrace.lease")).toEqual([]);
    expect(await waitsOf(mill)).toEqual([
      { name: "refund", ordinal: 1, ask: "Refund 5 €?", details: { order: 7 }, met: false },
    ]);
    const { answer } = await say(mill, id, true, { note: "fine" });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: true, failures: 1 });
    const at = new Date(answer.at);
    expect(given[0]).toEqual({ approved: true, by: "ana", via: "api", note: "fine", at });
    expect(given[1]).toEqual(given[0]);
    expect(await waitsOf(mill)).toEqual([]);
    expect(await stepsOf(mill)).toEqual([
      { name: "refund", ordinal: 1, kind: "approval", value: answer },
    ]);
    expect(await mill.rows("select event, actor, detail from millrace.event")).toEqual([
      {
        event: "approval answered",
        actor: "ana",
        detail: { name: "refund", ordinal: 1, approved: true, note: "fine" },
      },
    ]);
  });

  test("with a role takes the answer of a key that has it, or one above it, and of nobody else", async () => {
    const { mill, id } = await started(({ step }) =>
      step.approval("refund", { ask: "Refund?", role: "editor" }),
    );
    await mill.untilState(id, "waiting");
    await expect(say(mill, id, true)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("the answer of a key whose role is editor at the least"),
    });
    for (const role of ["viewer", "worker"] as const) {
      await expect(say(mill, id, true, { role })).rejects.toMatchObject({ code: "forbidden" });
    }
    const link = { via: "link", by: null, digest: Buffer.alloc(32) } as const;
    const which = { runId: id, name: "refund", ordinal: 1 };
    const answered = answerTo(mill.db, link, { ...which, approved: true, note: null });
    await expect(answered).rejects.toMatchObject({ code: "approval_not_found" });
    expect(await mill.rows("select 1 from millrace.event")).toEqual([]);
    await say(mill, id, true, { role: "admin" });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: { approved: true } });
  });

  test("gives a rejection as an answer like any other", async () => {
    const { mill, id } = await started(({ step }) => step.approval("x", { ask: "?" }));
    await mill.untilState(id, "waiting");
    await say(mill, id, false);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { approved: false, note: null },
    });
  });

  test("gives null when its time is over, and takes no answer after that", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const said = await step.approval("refund", { ask: "Refund?", timeout: "1h" });
      await step.sleep("afterwards", "1h");
      return said;
    });
    await mill.untilState(id, "waiting");
    await past(mill, 1);
    await until("it is on record", async () => (await stepsOf(mill)).length === 1);
    await expect(say(mill, id, true)).rejects.toMatchObject({ code: "approval_expired" });
    await mill.untilState(id, "waiting");
    await past(mill, 1);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: null });
    expect(await stepsOf(mill)).toMatchObject([{ name: "refund", value: null }, {}]);
  });

  test("takes no answer when its time is over and its run has not noticed yet", async () => {
    const mill = await Mill.create(workflow(() => null));
    const id = await mill.enqueue("workflow");
    const { lease, worker } = await claimOne(mill, "workflow");
    const place = [[lease], [id], ["refund"], [1]] as [number[], string[], string[], number[]];
    await askApprovals(mill.db, worker, ...place, [0], ["Refund?"], [null], [null]);
    await expect(say(mill, id, true)).rejects.toMatchObject({ code: "approval_expired" });
  });

  test("keeps the question and the time that it was asked with first", async () => {
    let round = 0;
    const { promise: onRecord, fire: goOn } = signal();
    const { mill, id } = await started(async ({ step, attempt }) => {
      const asked = step.approval("refund", {
        ask: `Refund ${++round}?`,
        timeout: round === 1 ? "1h" : "9h",
      });
      const fail = () => onRecord.then(() => Promise.reject(new Error("once")));
      if (attempt === 1) await step("fails", fail);
      return await asked;
    });
    await until("it is asked", async () => (await waitsOf(mill)).length === 1);
    goOn();
    await mill.untilState(id, "waiting");
    expect(await waitsOf(mill)).toMatchObject([{ ask: "Refund 1?" }]);
    const [row] = await mill.rows<{ hours: number }>(
      "select extract(epoch from due_at - asked_at)::float8 / 3600 as hours from millrace.waiter",
    );
    expect(row!.hours).toBeCloseTo(1);
  });

  test("tells uses of one name apart, and is answered by name and ordinal where there are several", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const ask = (name: string) => step.approval(name, { ask: `${name}?` });
      const all = await Promise.all([ask("a"), ask("a"), ask("b")]);
      return all.map((said) => said?.note);
    });
    await mill.untilState(id, "waiting");
    await expect(say(mill, id, true)).rejects.toThrow(
      /3 approvals .*a \(1\), a \(2\), b \(1\); say which/,
    );
    await expect(say(mill, id, true, { name: "c" })).rejects.toMatchObject({
      code: "approval_not_found",
    });
    await say(mill, id, true, { name: "a", ordinal: 2, note: "second" });
    await say(mill, id, true, { name: "b", note: "third" });
    await say(mill, id, true, { note: "first" });
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: ["first", "second", "third"],
    });
  });

  test("that has lost a race is answered all the same, and the answer is there for who races it again", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const said = step.approval("refund", { ask: "Refund?" });
      const late = step.sleep("remind", "1h").then(() => "late" as const);
      const first = await Promise.race([said, late]);
      const then = first === "late" ? await said : first;
      return { first, later: then?.by };
    });
    await mill.untilState(id, "waiting");
    await mill.rows("update millrace.waiter set due_at = now() where name = 'remind'");
    await mill.rows("update millrace.timer set due_at = now()");
    await until("the reminder is on record", async () => (await stepsOf(mill)).length === 1);
    await mill.untilState(id, "waiting");
    await say(mill, id, true);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { first: "late", later: "ana" },
    });
  });

  test("of two that are raced takes the one that is answered, and forgets the other with the run", async () => {
    const { mill, id } = await started(({ step }) =>
      Promise.race(["a", "b"].map((name) => step.approval(name, { ask: "?" }).then(() => name))),
    );
    await mill.untilState(id, "waiting");
    await say(mill, id, true, { name: "b" });
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: "b" });
    await until("nothing is asked", async () => (await waitsOf(mill)).length === 0);
    await expect(say(mill, id, true, { name: "a" })).rejects.toMatchObject({
      code: "run_finished",
    });
  });

  test("is answered while its attempt is in a worker, beside another step", async () => {
    const begun = signal();
    const heard = signal();
    const { mill, id } = await started(async ({ step }) => {
      const said = step.approval("refund", { ask: "Refund?" });
      await Promise.all([
        step("long", () => {
          begun.fire();
          return heard.promise;
        }),
        said.then(() => heard.fire()),
      ]);
      return (await said)?.approved;
    });
    await begun.promise;
    await until("it is asked", async () => (await waitsOf(mill)).length === 1);
    await say(mill, id, true);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: true, attempts: 1 });
  });

  test("is forgotten when its run is cancelled, and a rerun asks anew", async () => {
    const { mill, id } = await started(({ step }) => step.approval("refund", { ask: "Refund?" }));
    await mill.untilState(id, "waiting");
    await cancel(mill.db, by("test"), { runId: id, reason: null });
    await expect(say(mill, id, true)).rejects.toMatchObject({ code: "run_finished" });
    const { id: again } = await rerun(mill.db, by("test"), { runId: id });
    await mill.untilState(again, "waiting");
    await say(mill, again, true);
    await mill.untilState(again, "completed");
  });

  test.each<[string, object, RegExp]>([
    ["no options", undefined as unknown as object, /give it options/],
    ["no question", {}, /ask is the question as plain text, 1 to 2000 characters/],
    ["an empty question", { ask: "  " }, /ask is the question/],
    ["a long question", { ask: "x".repeat(2001) }, /ask is the question/],
    ["a question that cannot be stored", { ask: "a\0b" }, /ask is the question/],
    ["details that JSON would lose", { ask: "?", details: { a: 1n } }, /details at \/a/],
    ["large details", { ask: "?", details: "x".repeat(17_000) }, /17002 bytes, and 16384 are/],
    ["a timeout that is none", { ask: "?", timeout: "soon" }, /timeout/],
    ["a notify that is none", { ask: "?", notify: "ana@example.com" }, /notify must be a function/],
    ["a role that is none", { ask: "?", role: "finance" }, /least role that may answer: operator,/],
    ["a role that may not answer", { ask: "?", role: "viewer" }, /least role that may answer/],
    ["an unknown option", { ask: "?", who: "ana" }, /who is not an option; the options are ask,/],
  ])("is refused with %s, for good", async (_what, options, message) => {
    const { mill, id } = await started(({ step }) =>
      step.approval("refund", options as ApprovalOptions),
    );
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
    const [row] = await mill.rows("select error_message from millrace.attempt");
    expect(row).toEqual({ error_message: expect.stringMatching(message) });
    expect(await waitsOf(mill)).toEqual([]);
  });

  test("may have any name that a step has, and a shorter one with notify, and says so", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const named = (length: number, notify?: () => void) =>
        step.approval("n".repeat(length), { ask: "?", timeout: "0ms", ...(notify && { notify }) });
      await named(200);
      await named(193, () => {});
      await named(194, () => {});
    });
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
    const [row] = await mill.rows("select error_message from millrace.attempt");
    expect(row).toEqual({
      error_message: expect.stringMatching(
        /its name has 194 characters, and with notify 193 are allowed$/,
      ),
    });
  });

  test("is refused in a call, where no answer could reach it", async () => {
    const job = workflow(({ step }) => step.approval("refund", { ask: "Refund?" }));
    await expect(job.call()).rejects.toThrow(/answers reach only runs on record; enqueue the job/);
  });
});

describe("of two answers", () => {
  test("one counts, and the other is told who has answered", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const said = await step.approval("refund", { ask: "Refund?" });
      await step.sleep("afterwards", "1h");
      return said;
    });
    await mill.untilState(id, "waiting");
    const answers = await Promise.allSettled(
      ["ana", "bob", "eve"].map((who) => say(mill, id, who !== "bob", { who })),
    );
    const [winner, ...others] = answers.filter(({ status }) => status === "fulfilled");
    expect(others).toEqual([]);
    const { answer } = (winner as PromiseFulfilledResult<Awaited<ReturnType<typeof say>>>).value;
    const word = answer.approved ? "approved" : "rejected";
    const told = new RegExp(
      `approval "refund" was ${word} already by ${answer.by} at ${answer.at}`,
    );
    for (const each of answers) {
      if (each.status === "rejected") {
        expect(each.reason).toMatchObject({
          code: "approval_answered",
          message: expect.stringMatching(told),
        });
      }
    }
    await until("it is on record", async () => (await stepsOf(mill)).length === 1);
    // Of what is taken already, too, whatever the run has done since.
    await expect(say(mill, id, true)).rejects.toThrow(told);
    expect(await mill.rows("select 1 from millrace.event")).toHaveLength(1);
  });
});

describe("at the same moment", () => {
  /** A run whose approval stands, and that a row of a worker holds. */
  async function held() {
    const mill = await Mill.create(workflow(() => null));
    const id = await mill.enqueue("workflow");
    const { lease, worker } = await claimOne(mill, "workflow");
    const place = [[lease], [id], ["refund"], [1]] as [number[], string[], string[], number[]];
    await askApprovals(mill.db, worker, ...place, [3_600_000], ["Refund?"], [null], [null]);
    return { mill, id, lease, worker, place };
  }

  test("a run that is suspended while it is answered goes to its queue instead", async () => {
    const { mill, id, lease, worker } = await held();
    await say(mill, id, true);
    const due = new Date("2100-01-01");
    const asleep = { leaseId: lease, runId: id, verdict: "suspend", due } as const;
    expect(await settle(mill.db, worker, [asleep])).toEqual(["recorded"]);
    expect(await mill.state(id)).toBe("queued");
  });

  test("an answer that waits for a suspension wakes what was suspended", async () => {
    const { mill, id, lease, worker } = await held();
    const settling = await mill.connection();
    await settling.query("begin");
    const due = new Date("2100-01-01");
    await settle(settling, worker, [{ leaseId: lease, runId: id, verdict: "suspend", due }]);
    const answered = say(mill, id, true);
    await untilLocked(mill, "lock_approvals");
    await settling.query("commit");
    expect((await answered).queues).toEqual(["default"]);
    expect(await mill.state(id)).toBe("queued");
  });

  test("an answer that waits for a run which takes the end of its time is told that it comes too late", async () => {
    const { mill, id, worker, place } = await held();
    await mill.rows("update millrace.waiter set due_at = now()");
    const taking = await mill.connection();
    await taking.query("begin");
    await takeWaits(taking, worker, ...place, [1], [1], [false]);
    const answered = say(mill, id, true);
    answered.catch(() => {});
    await untilLocked(mill, "lock_approvals");
    await taking.query("commit");
    await expect(answered).rejects.toMatchObject({ code: "approval_expired" });
    expect(await stepsOf(mill)).toMatchObject([{ name: "refund", value: null }]);
  });

  test("a run that waits for an answer which is being given takes that, though its time is over meanwhile", async () => {
    const { mill, id, worker, place } = await held();
    const answering = await mill.connection();
    await answering.query("begin");
    await answering.query(
      `update millrace.waiter set met_at = now(), value = '{"approved":true}', due_at = now() - interval '1 hour'`,
    );
    const taken = takeWaits(mill.db, worker, ...place, [1], [1], [false]);
    await untilLocked(mill, "take_waits");
    await answering.query("commit");
    expect(await taken).toMatchObject([{ taken: true, met: true, value: '{"approved": true}' }]);
    expect(await mill.state(id)).toBe("running");
  });

  test("a worker that was declared lost neither asks, nor takes an answer, nor makes a link", async () => {
    const mill = await Mill.create(workflow(() => null));
    const id = await mill.enqueue("workflow");
    const { lease, worker } = await claimOne(mill, "workflow");
    const place = [[lease], [id], ["refund"], [1]] as [number[], string[], string[], number[]];
    await mill.rows("update millrace.worker set state = 'lost'");
    await takeBackLost(mill.db);
    expect(
      await askApprovals(mill.db, worker, ...place, [null], ["?"], [null], [null]),
    ).toMatchObject([{ held: false }]);
    expect(await noteLinks(mill.db, worker, ...place, [Buffer.alloc(32)])).toEqual([
      { held: false, due_at: null },
    ]);
    expect(await waitsOf(mill)).toEqual([]);
    expect(await takeWaits(mill.db, worker, ...place, [1], [1], [false])).toMatchObject([
      { held: false },
    ]);
  });

  test("a worker that was declared lost withdraws nothing", async () => {
    const mill = await Mill.create(workflow(() => null));
    const id = await mill.enqueue("workflow");
    const { lease, worker } = await claimOne(mill, "workflow");
    await askApprovals(
      mill.db,
      worker,
      [lease],
      [id],
      ["refund"],
      [1],
      [null],
      ["?"],
      [null],
      [null],
    );
    await mill.rows("update millrace.worker set state = 'lost'");
    await takeBackLost(mill.db);
    const step = { worker, leases: [lease], runs: [id], names: ["notify refund"], ordinals: [1] };
    const failed = { seqs: [1], attempts: [1], tookMs: [1], values: ["{}"], failed: [true] };
    const told = [...Object.values({ ...step, ...failed }), ["step"]] as Keeping;
    expect(await keepWithdrawals(mill.db, ...told, ["refund"], [1])).toMatchObject([
      { held: false },
    ]);
    expect(await waitsOf(mill)).toMatchObject([{ name: "refund" }]);
  });

  test.each(["a link", "a withdrawal"])(
    "%s of several runs is noted in the order in which everybody locks what runs wait for",
    async (what) => {
      const mill = await Mill.create(workflow(() => null));
      for (let n = 0; n < 2; n++) await mill.enqueue("workflow");
      const worker = await mill.workerRow();
      const held = await new Claimer(mill.db, worker, ["default"], ["workflow"]).claim(2);
      const [first, second] = held.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      const leases = [second!.leaseId, first!.leaseId];
      const runs = [second!.id, first!.id];
      const [names, ordinals] = [Array<string>(2).fill("refund"), [1, 1]];
      const place = [leases, runs, names, ordinals] as const;
      const nothing = [null, null];
      await askApprovals(mill.db, worker, ...place, nothing, ["?", "?"], nothing, nothing);
      const other = await mill.connection();
      await other.query("begin");
      const lock = "select 1 from millrace.waiter where run_id = $1 for update";
      await other.query(lock, [second!.id]);
      const digests = [Buffer.alloc(32), Buffer.alloc(32)];
      const step = { worker, leases, runs, names: ["notify refund", "notify refund"], ordinals };
      const thrown = { values: ["{}", "{}"], failed: [true, true], kinds: ["step", "step"] };
      const told = Object.values({
        ...step,
        s: [1, 1],
        a: [1, 1],
        t: [1, 1],
        ...thrown,
      }) as Keeping;
      const noted =
        what === "a link"
          ? noteLinks(mill.db, worker, ...place, digests)
          : keepWithdrawals(mill.db, ...told, names, ordinals);
      await until("it waits for the second", async () => {
        const waiting = await mill.rows(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return waiting.length === 1;
      });
      expect(await mill.rows(`${lock} skip locked`, [first!.id])).toEqual([]);
      await other.query("commit");
      expect(await noted).toMatchObject([{ held: true }, { held: true }]);
    },
  );

  async function untilLocked(mill: Mill, title: string): Promise<void> {
    const like = { lock_approvals: "%links%for update%", take_waits: "%standing as materialized%" }[
      title
    ];
    await until(`${title} waits`, async () => {
      const rows = await mill.rows(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
        [like],
      );
      return rows.length === 1;
    });
  }
});

describe("notify", () => {
  test("is called when answers are taken already, with a link that is on record nowhere, and once", async () => {
    const links: ApprovalLink[] = [];
    const { mill, id } = await started(async ({ step, attempt }) => {
      const said = await step.approval("refund", {
        ask: "Refund?",
        timeout: "1h",
        notify: async (link) => {
          expect(await waitsOf(mill)).toHaveLength(1);
          links.push(link);
          return "not kept";
        },
      });
      if (attempt === 2) throw new Error("after the answer");
      return said?.approved;
    });
    await mill.untilState(id, "waiting");
    await say(mill, id, true);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: true, attempts: 3 });
    expect(links).toHaveLength(1);
    const [{ url, until: due, idempotencyKey }] = links as [ApprovalLink];
    expect(url).toMatch(/^https:\/\/ops\.example\.com\/approve\?link=[\w-]{80,}$/);
    expect(due!.getTime() - Date.now()).toBeGreaterThan(3_500_000);
    expect(idempotencyKey).toMatch(new RegExp(`^${id}-[0-9a-f]{32}$`));
    expect(await stepsOf(mill)).toMatchObject([
      { name: "notify refund", kind: "step", value: { $: ["undefined"] } },
      { name: "refund", kind: "approval" },
    ]);
    const token = new URL(url).searchParams.get("link")!;
    const dump = await mill.rows<{ text: string }>(
      "select string_agg(w::text, '') || (select string_agg(s::text, '') from millrace.step s) as text from millrace.event w",
    );
    expect(dump[0]!.text).not.toContain(token.slice(0, 40));
  });

  test("that throws fails the attempt, and is called again by the next, for the same question under the same key", async () => {
    const links: ApprovalLink[] = [];
    const { mill, id } = await started(({ step }) =>
      step.approval("refund", {
        ask: "Refund?",
        notify: (link) => {
          links.push(link);
          if (links.length < 3) throw new Error("the mail server is down");
        },
      }),
    );
    await mill.untilState(id, "waiting");
    expect(links).toHaveLength(3);
    expect(new Set(links.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(links[0]!.until).toBe(null);
    expect(await waitsOf(mill)).toHaveLength(1);
    // Each of them works: nobody knows which mail was read.
    const [row] = await mill.rows("select cardinality(links) as links from millrace.waiter");
    expect(row).toEqual({ links: 3 });
  });

  test("that throws withdraws the question where the handler goes on all the same, and no answer is taken", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const unsent = { ask: "Refund?", notify: () => Promise.reject(new Error("no mail")) };
      await step.approval("refund", unsent).catch(() => {});
      const said = await step.approval("other", { ask: "And this?" });
      return said?.approved;
    });
    await mill.untilState(id, "waiting");
    expect(await waitsOf(mill)).toMatchObject([{ name: "other" }]);
    await expect(say(mill, id, true, { name: "refund" })).rejects.toMatchObject({
      code: "approval_not_found",
      message: expect.stringContaining('approval "refund" is not asked for'),
    });
    await say(mill, id, true);
    expect(await mill.untilState(id, "completed")).toMatchObject({ output: true });
    expect(await stepsOf(mill)).toMatchObject([
      { name: "notify refund" },
      { name: "other", kind: "approval" },
    ]);
  });

  test("that throws after the answer has come withdraws nothing", async () => {
    const { mill, id } = await started(async ({ step }) => {
      const answered = {
        ask: "Refund?",
        notify: async () => {
          await say(mill, id, false);
          throw new Error("after it was sent");
        },
      };
      await step.approval("refund", answered).catch(() => {});
      await step.sleep("on", "1d");
    });
    await mill.untilState(id, "waiting");
    expect(await waitsOf(mill)).toContainEqual(
      expect.objectContaining({ name: "refund", met: true }),
    );
  });

  test("is not called again when the answer is there", async () => {
    const asked = signal();
    let calls = 0;
    const { mill, id } = await started(async ({ step, attempt }) => {
      const said = await step.approval("refund", {
        ask: "Refund?",
        notify: async () => {
          calls++;
          asked.fire();
          await until("it is answered", async () =>
            (await waitsOf(mill)).some(({ met }) => met === true),
          );
          throw new Error("after it was sent");
        },
      });
      return { attempt, approved: said?.approved };
    });
    await asked.promise;
    await say(mill, id, true);
    expect(await mill.untilState(id, "completed")).toMatchObject({
      output: { attempt: 2, approved: true },
    });
    expect(calls).toBe(1);
  });

  test("in which another step begins is refused", async () => {
    const { mill, id } = await started(({ step }) =>
      step.approval("refund", {
        ask: "Refund?",
        notify: () => step("mail", () => null),
      }),
    );
    expect(await mill.untilState(id, "failed")).toMatchObject({ attempts: 1 });
  });

  test("where nobody has said the server's address fails the attempt with what to set", async () => {
    const { mill, id } = await started(
      async ({ step }) => {
        try {
          await step.approval("refund", { ask: "Refund?", notify: () => {} });
        } catch (error) {
          throw new NonRetryableError((error as Error).message);
        }
      },
      { publicUrl: undefined },
    );
    await mill.untilState(id, "failed");
    const [row] = await mill.rows("select error_message from millrace.attempt");
    expect(row).toEqual({
      error_message: expect.stringMatching(/approval "refund": .*set MILLRACE_PUBLIC_URL/),
    });
  });
});
