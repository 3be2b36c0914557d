import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { millrace, newHome } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import { KEY, OneServer } from "./one-server.ts";

// Every command that talks to a server, on one server with a database of its own.

const one = OneServer.forThisFile();
const { cli } = one;

async function json(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await cli(...args, "--json");
  return stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function runId(...args: string[]): Promise<string> {
  const [run] = await json("run", ...args);
  return run!.id as string;
}

/** What a terminal would obey or hide. */
const HARMFUL = /[^\P{C}\n]/u;

test("with DATABASE_URL, start works on that server and shows no password", () => {
  expect(one.server.output).toMatch(/^ {2}database +PostgreSQL \d\S*, at \S+\/millrace_test_\S+$/m);
  expect(one.server.output).toMatch(/^ {2}API key +from MILLRACE_API_KEY$/m);
  expect(one.server.output).not.toContain(KEY);
});

test("a job is run and waited for; its output is all that stdout has", async () => {
  const done = await cli("run", "echo", "--input", '{"text":"hi"}', "--wait");
  expect(done).toMatchObject({ code: 0, stdout: '{\n  "text": "hi"\n}\n' });
  expect(done.stderr).toMatch(/^✓ Completed echo \S+ in /);
});

test("the input comes from a file or from stdin as well", async () => {
  const file = join(newHome(), "../input.json");
  writeFileSync(file, '{"text":"from a file"}');
  const fromFile = await cli("run", "echo", "--input-file", file, "--wait");
  expect(JSON.parse(fromFile.stdout)).toEqual({ text: "from a file" });
  const fromStdin = await millrace(["run", "echo", "-", "--wait", "--json"], one.client, {
    input: '{"text":"from stdin"}',
  });
  expect(JSON.parse(fromStdin.stdout)).toMatchObject({
    v: 1,
    state: "completed",
    output: { text: "from stdin" },
  });
});

test("a job that is named like a subcommand is run with --job", async () => {
  expect(await cli("run", "--job", "show", "--wait")).toMatchObject({
    code: 0,
    stdout: '"shown"\n',
  });
});

test("how long to wait is refused where nobody waits", async () => {
  const answer = await cli("run", "echo", "--timeout", "5s");
  expect(answer).toMatchObject({ code: 2, stdout: "" });
  expect(answer.stderr).toContain("add --wait");
});

test("run --wait tells by its exit code how the run ended", async () => {
  expect(await cli("run", "hostile", "--wait")).toMatchObject({ code: 10, stdout: "" });
  const late = await cli("run", "nap", "-i", '{"ms":60000}', "--wait", "--timeout", "1s");
  expect(late).toMatchObject({ code: 12, stdout: "" });
  const [, id] = /millrace run show (\S+)/.exec(late.stderr) ?? [];

  const waiting = cli("run", "nap", "-i", '{"ms":60000}', "--key", "waited-for", "--wait");
  const mine = await until("the run is there", async () => {
    const runs = await json("runs", "--job", "nap", "--state", "running");
    return runs.find((run) => run.idempotencyKey === "waited-for");
  });
  const cancelled = await cli("cancel", id!, mine.id as string, "--reason", "enough");
  expect(cancelled.stdout).toMatch(/was asked to stop\n.*was asked to stop\n/);
  expect(await waiting).toMatchObject({ code: 11 });
});

test("the same key is the same run, and a later start is said", async () => {
  const once = ["echo", "-i", '{"text":"k"}', "--key", "k1"];
  const id = await runId(...once);
  const again = await cli("run", ...once);
  expect(again.stdout).toBe(`echo ${id} was there already, by its key\n`);
  const delayed = await cli("run", "echo", "-i", '{"text":"x"}', "--delay", "1h");
  expect(delayed.stdout).toMatch(/^◷ Scheduled echo \S+ for \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/);
});

test("one that is not due yet is started now", async () => {
  const id = await runId("echo", "-i", '{"text":"soon"}', "--delay", "1h");
  expect((await cli("run", "now", id)).stdout).toBe(`${id} stands in queue default now\n`);
  const again = await cli("run", "now", id);
  expect(again.code).not.toBe(0);
  expect(again.stderr).toMatch(/in its queue already|is running|is completed already/);
});

test("runs are listed by filter, for people and for programs, page by page", async () => {
  const ids = [];
  for (const text of ["a", "b", "c"]) {
    ids.push(await runId("echo", "-i", `{"text":"${text}"}`, "--queue", "naps"));
  }
  const filter = ["runs", "--job", "echo", "--queue", "naps", "--since", "1h"];
  const table = await cli(...filter);
  expect(table.stdout).toMatch(/^RUN +JOB +STATE +TRY +QUEUE +TOOK +AGE +WHY\n/);
  for (const id of ids) expect(table.stdout).toContain(id);
  const [newest, next] = await json(...filter, "--limit", "1");
  expect(newest).toMatchObject({ v: 1, id: ids[2], job: "echo" });
  const rest = await json(...filter, "--cursor", next!.nextCursor as string);
  expect(rest.map((run) => run.id)).toEqual([ids[1], ids[0]]);
});

test("what a job declares as searchable is found, and shown in the list", async () => {
  const tenant = "acme\u001B[2J";
  const id = await runId("per-tenant", "-i", JSON.stringify({ tenant }));
  await runId("per-tenant", "-i", '{"tenant":"beta"}');
  const query = `job:per-tenant input.tenant:"${tenant}"`;
  const { stdout } = await cli("runs", query);
  expect(stdout).toMatch(/^RUN +JOB +STATE +TRY +QUEUE +TOOK +AGE +FIELDS +WHY\n/);
  expect(stdout.split("\n").filter((line) => line.includes("tenant=acme"))).toHaveLength(1);
  expect(stdout).not.toMatch(HARMFUL);
  expect(await json("runs", query)).toMatchObject([{ id, fields: { tenant } }]);
});

test("nothing that a job says or a caller sends reaches the terminal as a command", async () => {
  const id = await runId("echo", "-i", JSON.stringify({ text: "x", note: "\u009B2J\u202E" }));
  const dead = await runId("hostile");
  await until("both have ended", async () => {
    const runs = await Promise.all([json("run", "show", id), json("run", "show", dead)]);
    return runs.flat().every((run) => run.finishedAt !== null);
  });
  for (const args of [
    ["run", "show", id, "--logs"],
    ["run", "show", dead],
    ["logs", id],
    ["logs", id, "--json"],
    ["runs"],
    ["runs", "--json"],
    ["dead"],
    ["run", "show", `${id}\u001B[2J`],
    ["queues", "pause", "\u001B[2J\u009B"],
    ["\u001B[2J"],
  ]) {
    const { stdout, stderr } = await cli(...args);
    expect(stdout + stderr).not.toMatch(HARMFUL);
    expect(stdout + stderr).not.toBe("");
  }
  expect((await cli("logs", id)).stdout).toMatch(/INFO {2}try 1 {2}hello\\u\{1b\}\]0;pwned/);
});

test("a run shows its attempts, its log, and what led to it", async () => {
  const id = await runId("hostile");
  const shown = async () => (await json("run", "show", id))[0]!;
  await until("it failed", async () => (await shown()).state === "failed");
  const { correlationId } = await shown();
  const { stdout } = await cli("run", "show", id);
  expect(stdout).toMatch(/^✕ Failed hostile /);
  expect(stdout).toMatch(/^ {2}error +NonRetryableError: alas/m);
  expect(stdout).toContain(`\n  correlation ${String(correlationId)}\n`);
  expect(stdout).toMatch(/^ *1 {2}failed +\d+ +\d{4}/m);
  expect(stdout).toMatch(/accepted/);
});

test("dead letters are listed, rerun and dismissed, each once", async () => {
  const [one, two] = [await runId("hostile"), await runId("hostile")];
  await until("both are dead", async () => {
    const letters = (await json("dead", "--job", "hostile")).map((letter) => letter.runId);
    return letters.includes(one) && letters.includes(two);
  });
  const rerun = await cli("dead", "rerun", one);
  expect(rerun).toMatchObject({ code: 0 });
  expect(rerun.stdout).toContain(`${one} runs again as `);
  const dismissed = await cli("dead", "dismiss", one, two, "--note", "known");
  expect(dismissed).toMatchObject({ code: 4, stdout: `${two} dismissed\n` });
  expect(dismissed.stderr).toContain("[dead_letter_handled]");
  expect(await cli("rerun", two)).toMatchObject({ code: 0 });
  expect(await cli("rerun", randomUUID())).toMatchObject({ code: 3 });
});

test("what is kept how long is told with how much that is, and to programs", async () => {
  const told = await cli("retention");
  expect(told.code).toBe(0);
  expect(told.stdout).toMatch(/^runs +90 d +\d+ +[\d.]+ [kM]B +MILLRACE_RETENTION$/m);
  expect(told.stdout).toMatch(/^audit log +for ever +/m);
  expect(told.stderr).toMatch(/Next goes the oldest partition|^$/);
  const json = JSON.parse((await cli("retention", "--json")).stdout);
  expect(json).toMatchObject({ v: 1, runsKeptMs: 90 * 86_400_000 });
});

test("a worker is made quiet and takes runs again; who is none is told so", async () => {
  const [worker] = (await cli("workers", "--json")).stdout.trim().split("\n");
  const { id } = JSON.parse(worker!);
  expect((await cli("workers", "quiet", String(id))).code).toBe(0);
  expect((await cli("workers")).stdout).toContain("◐ Quiet");
  expect(await cli("workers", "quiet", String(id))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("takes nothing new already"),
  });
  expect((await cli("workers", "resume", String(id))).code).toBe(0);
  expect((await cli("workers")).stdout).toContain("✓ Active");
  expect((await cli("workers", "quiet", "999999")).code).toBe(3);
});

test("a worker says what its main thread does, and one that is none is told so", async () => {
  const [worker] = (await cli("workers", "--json")).stdout.trim().split("\n");
  const { id } = JSON.parse(worker!);
  const told = await cli("workers", "stack", String(id));
  expect(told).toMatchObject({ code: 0, stderr: "" });
  expect(told.stdout).toMatch(/^Looked for \d+ ms: [\d.]+ % in functions, [\d.]+ % waiting/);
  const sample = JSON.parse((await cli("workers", "stack", String(id), "--json")).stdout);
  expect(sample).toMatchObject({ v: 1, answered: true });
  expect((await cli("workers", "stack", "999999")).code).toBe(3);
});

test("the doctor asks the server, where it is told to", async () => {
  const asked = await cli("doctor", "--server");
  expect(asked.stdout).toMatch(/^✓ PostgreSQL \d/m);
  expect(asked.stdout).toMatch(/^✓ the process that answers accepts and starts runs/m);
  expect(asked.stdout).toMatch(/^✓ a statement goes there and back in/m);
  const [first] = (await cli("doctor", "--server", "--json")).stdout.split("\n");
  expect(JSON.parse(first!)).toMatchObject({ v: 1, check: "version", level: "ok" });
});

test("a job says where its code defines it, and how its newest runs did", async () => {
  const { definedIn } = (await cli("jobs", "--json")).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .find(({ name }) => name === "echo");
  expect(definedIn).toMatch(/jobs\/\S*job\.ts:\d+$/);
  await cli("run", "echo", "--wait", "--input", '{"text":"x"}');
  const told = await cli("jobs", "times", "echo");
  expect(told.code).toBe(0);
  expect(told.stdout).toMatch(/^VERSION +ENDED +COMPLETED +P50 +P95 +P99$/m);
  expect(told.stderr).toMatch(/^Of \d+ runs? that completed or failed, accepted since /);
  expect((await cli("jobs", "times", "nope")).code).toBe(3);
});

test("queues are paused and resumed, and workers and jobs are listed", async () => {
  const paused = await cli("queues", "pause", "naps", "--reason", "vendor down");
  expect(paused.stdout).toMatch(/^naps: ‖ Paused by \S+: vendor down\n$/);
  expect((await cli("queues")).stdout).toMatch(/^naps .*‖ Paused by /m);
  expect((await cli("queues", "resume", "naps")).stdout).toBe("naps: ✓ Open\n");
  expect((await cli("workers")).stdout).toMatch(/✓ Active +\d+\/20 /);
  expect((await cli("jobs")).stdout).toMatch(
    /^echo +default +5 +5 m +text, note\? +– +✓ Open +\S+\/trial\.job\.ts:\d+ +Answers with/m,
  );
});

test("a queue is limited, limit by limit, and given back to its code", async () => {
  expect((await cli("queues")).stdout).toMatch(
    /^paced +0 .* 3 at once, 50\/1 m \(burst 1\) +– +✓ Open$/m,
  );
  const limit = (...args: string[]) => cli("queues", "limit", "paced", ...args);
  const set = await limit("--concurrency", "2", "--rate", "100/1m", "--burst", "5");
  expect(set).toMatchObject({ code: 0, stdout: "paced: 2 at once, 100/1 m (burst 5)\n" });
  expect((await limit("--concurrency", "none")).stdout).toBe("paced: 100/1 m (burst 5)\n");
  expect((await limit("--rate", "none")).stdout).toBe("paced: no limits\n");
  expect((await limit("--max-depth", "500")).stdout).toBe("paced: up to 500 waiting\n");
  expect((await limit("--reset")).stdout).toBe(
    "paced: 3 at once, 50/1 m (burst 1), as its code says\n",
  );
  const [queue] = await json("queues", "limit", "paced", "--concurrency", "9");
  expect(queue).toMatchObject({ v: 1, name: "paced", concurrency: 9, limitedBy: "api" });
});

test("a job and a key of it are paused for a while, seen, and resumed", async () => {
  const paused = await cli("jobs", "pause", "per-tenant", "--reason", "moving", "--for", "1h");
  expect(paused.stdout).toMatch(
    /^per-tenant: ‖ Paused by api until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: moving\n$/,
  );
  expect((await cli("jobs", "pause", "per-tenant", "--key", "acme")).stdout).toBe(
    'per-tenant: key "acme" is paused (1 key paused)\n',
  );
  const limits = "3 at once, 1 per tenant, 100/1 s \\(burst 10\\) per tenant";
  const listed = new RegExp(`^per-tenant .* tenant\\? +${limits} +‖ Paused by api until `, "m");
  expect((await cli("jobs")).stdout).toMatch(listed);
  const { stdout } = await cli("pauses");
  expect(stdout).toMatch(/^WHAT +NAME +KEY +FOR +UNTIL +BY +WHY\n/);
  expect(stdout).toMatch(/^job +per-tenant +– +\d+ s +\d{4}\S+ \S+ +api +moving$/m);
  expect(stdout).toMatch(/^job +per-tenant +"acme" +\d+ s +– +api +–$/m);
  const id = await runId("per-tenant", "-i", '{"tenant":"acme"}', "--ttl", "10m");
  expect((await cli("runs", "--job", "per-tenant")).stdout).toMatch(
    /held back: job per-tenant is paused by api, until \S+: moving$/m,
  );
  expect((await json("run", "show", id))[0]).toMatchObject({ expiresAt: expect.any(String) });

  expect((await cli("jobs", "resume", "per-tenant")).stdout).toBe(
    "per-tenant: ✓ Open (1 key paused)\n",
  );
  expect((await cli("jobs", "resume", "per-tenant", "--key", "acme")).stdout).toBe(
    'per-tenant: key "acme" is open\n',
  );
  await until("it ran", async () => (await json("run", "show", id))[0]!.state === "completed");
});

test("a job is disabled for a while, which says so to who would run it, and enabled", async () => {
  const disabled = await cli("jobs", "disable", "echo", "--reason", "twice", "--for", "1h");
  expect(disabled.stdout).toMatch(/^echo: ⊘ Disabled by api until \d{4}-\S+ \S+: twice\n$/);
  expect((await cli("jobs")).stdout).toMatch(/^echo .*⊘ Disabled by api until /m);
  expect((await cli("pauses")).stdout).toMatch(/^disabled job +echo .* twice$/m);
  const refused = await cli("run", "echo", "-i", '{"text":"x"}');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(
    /job 'echo' is disabled by api, until \S+Z: twice.*\[job_disabled\]/s,
  );
  expect((await cli("jobs", "resume", "echo")).stderr).toContain("enable it first");
  expect((await cli("jobs", "enable", "echo")).stdout).toBe("echo: ✓ Open\n");
});

test("a run that waits is moved, and what says not where to is bad usage", async () => {
  const id = await runId("echo", "-i", '{"text":"x"}', "--delay", "1h");
  const moved = await cli("move", id, "--queue", "naps", "--priority", "-5");
  expect(moved.stdout).toBe(`${id} moved to queue naps, priority -5\n`);
  expect((await json("run", "show", id))[0]).toMatchObject({ queue: "naps", priority: -5 });
  expect(await cli("move", id)).toMatchObject({ code: 2 });
  await cli("cancel", id);
});

test("a queue is drained and reopened", async () => {
  const drained = await cli("queues", "drain", "naps", "--reason", "moving");
  expect(drained.stdout).toBe("naps: ⇣ Draining, by api: moving\n");
  await cli("queues", "pause", "naps");
  expect((await cli("queues")).stdout).toMatch(
    /^naps .*‖ Paused by api; ⇣ Draining, by api: moving$/m,
  );
  await cli("queues", "resume", "naps");
  const [queue] = await json("queues", "reopen", "naps");
  expect(queue).toMatchObject({ v: 1, name: "naps", drained: null, paused: null });
});

test("a queue is paused until an instant", async () => {
  const paused = await cli("queues", "pause", "paced", "--until", "2099-01-01T00:00:00Z");
  expect(paused.stdout).toMatch(/^paced: ‖ Paused by api until \d{4}-/);
  expect((await json("pauses"))[0]).toMatchObject({
    queue: "paced",
    until: "2099-01-01T00:00:00.000Z",
  });
  await cli("queues", "resume", "paced");
  expect(await cli("pauses")).toMatchObject({ code: 0, stderr: "Nothing is paused.\n" });
});

const limitOf = (...args: string[]) => ["queues", "limit", "paced", ...args];

test.each([
  ["an unknown command", ["rnus"], 2, "did you mean runs?"],
  ["an unknown subcommand", ["queues", "pasue", "x"], 2, "did you mean pause?"],
  ["an unknown option", ["runs", "--limt", "1"], 2, "did you mean --limit?"],
  ["an unknown state", ["runs", "--state", "faild"], 2, "did you mean failed?"],
  ["an unknown job", ["run", "ecko"], 3, "no job ecko is registered; did you mean echo?"],
  ["no job", ["run"], 2, "which job?"],
  ["an input that is not JSON", ["run", "echo", "-i", "{text:1}"], 2, "--input is not JSON"],
  ["an input that the job refuses", ["run", "echo", "-i", "{}"], 2, "[invalid_input]"],
  ["a run that is not there", ["run", "show", randomUUID()], 3, "[run_not_found]"],
  ["a queue that is not there", ["queues", "pause", "nope"], 3, "[queue_not_found]"],
  ["a queue without a limit to set", limitOf(), 2, "which limit? give --concurrency"],
  ["a burst without a rate", limitOf("--burst", "5"), 2, "add --rate, such as 100/1m"],
  ["a rate that is none", limitOf("--rate", "100"), 2, "Write starts and a length of time"],
  ["a rate without a unit", limitOf("--rate", "100/60"), 2, "a unit of ms, s, m, h or d"],
  ["a rate of nothing", limitOf("--rate", "0/1s"), 2, "Write starts and a length of time"],
  ["a limit of nothing", limitOf("--concurrency", "0"), 2, "a whole number from 1 to 100000"],
  ["a queue that takes nothing", limitOf("--max-depth", "0"), 2, "a whole number from 1 to"],
  ["a reset beside a limit", limitOf("--reset", "--rate", "none"), 2, "give it alone"],
  [
    "a pause with two ends",
    ["jobs", "pause", "echo", "--for", "1h", "--until", "2099-01-01T00:00:00Z"],
    2,
    "not both",
  ],
  ["a pause for nothing", ["queues", "pause", "naps", "--for", "0s"], 2, "longer than nothing"],
  [
    "a pause until no instant",
    ["queues", "pause", "naps", "--until", "8pm"],
    2,
    "Write an instant",
  ],
  [
    "a key of a job without one",
    ["jobs", "pause", "echo", "--key", "a"],
    2,
    "job echo has no key; leave the key out",
  ],
  ["a job to pause that is not there", ["jobs", "pause", "nope"], 3, "[not_found]"],
  [
    "a pause that is too long",
    ["queues", "pause", "default", "--for", "40000d"],
    2,
    "option '--for <duration>' argument '40000d' is invalid. It must not be longer than 36525d.",
  ],
  [
    "a delay that is too long",
    ["run", "echo", "--delay", "99999d"],
    2,
    "option '--delay <duration>' argument '99999d' is invalid. It must not be longer than 36525d.",
  ],
  [
    "longer ago than can be asked for",
    ["runs", "--since", "99999d"],
    2,
    "option '--since <when>' argument '99999d' is invalid. It must not be longer than 36525d.",
  ],
  [
    "neither how long ago nor an instant",
    ["runs", "--since", "yesterday"],
    2,
    "such as 30s, or an instant, such as 2026-01-31T08:00Z",
  ],
  ["a time to live that is none", ["run", "echo", "--ttl", "10"], 2, "such as 30s"],
])("%s is answered with the fix and its exit code", async (_name, args, code, text) => {
  const answer = await cli(...args);
  expect(answer).toMatchObject({ code, stdout: "" });
  expect(answer.stderr).toMatch(/^✕ /);
  expect(answer.stderr).toContain(text);
});

test("for programs, errors are JSON as well", async () => {
  const { code, stderr } = await cli("run", "ecko", "--json");
  expect(code).toBe(3);
  expect(JSON.parse(stderr)).toMatchObject({ v: 1, error: { code: "unknown_job" } });
});

test("a wrong key, no key, and no server are told apart", async () => {
  const wrong = await millrace(["runs"], { ...one.client, MILLRACE_API_KEY: `mr_${randomUUID()}` });
  expect(wrong).toMatchObject({ code: 6, stdout: "" });
  const empty = newHome();
  const none = await millrace(["runs"], { MILLRACE_HOME: empty });
  expect(none).toMatchObject({ code: 6, stdout: "" });
  expect(none.stderr).toContain(`there is no API key in ${empty}`);
  const nobody = { ...one.client, MILLRACE_URL: `http://127.0.0.1:${await freePort()}` };
  const away = await millrace(["runs"], nobody);
  expect(away).toMatchObject({ code: 7, stdout: "" });
  expect(away.stderr).toContain("(ECONNREFUSED); start the server with millrace start");
});

test("what answers but is not Millrace is recognised, and not shown", async () => {
  const other = createServer((_request, response) => response.end("<html>\u001B[2J")).listen(0);
  onTestFinished(() => void other.close());
  await until("the other program listens", () => other.listening);
  const { port } = other.address() as { port: number };
  const answer = await millrace(["runs"], {
    ...one.client,
    MILLRACE_URL: `http://127.0.0.1:${port}`,
  });
  expect(answer.code).toBe(7);
  expect(answer.stderr).toContain("is not a Millrace server");
  expect(answer.stderr).not.toMatch(HARMFUL);
});

test("the key of this machine is not sent to another one", async () => {
  const answer = await millrace(["runs"], {
    MILLRACE_HOME: newHome(),
    MILLRACE_URL: "https://millrace.invalid",
  });
  expect(answer.code).toBe(6);
  expect(answer.stderr).toContain("MILLRACE_URL names another machine");
});

test("help lists the commands by group, and a bare call gets it with exit code 2", async () => {
  const help = await millrace(["--help"]);
  expect(help.code).toBe(0);
  expect(help.stdout).toMatch(/Server:\n {2}start .*Runs:\n {2}run .*Operations:\n {2}jobs /s);
  expect(await millrace([])).toEqual({ ...help, code: 2 });
  expect(await millrace(["help"])).toEqual(help);
  expect((await millrace(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
