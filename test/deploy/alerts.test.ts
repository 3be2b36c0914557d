import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { OneServer } from "../cli/one-server.ts";
import { Child } from "../support/child-process.ts";
import { installedProgram } from "../support/servers/installed-program.ts";
import { until } from "../support/until.ts";
import { hurriedRules, patienceOf } from "../faults/harness/hurried-rules.ts";

const ROOT = join(import.meta.dirname, "../..");
const one = OneServer.forThisFile();
const RULES = "deploy/prometheus/millrace.rules.yml";

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

function rulesOf(text: string): Rule[] {
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

const rules = rulesOf(readFileSync(join(ROOT, RULES), "utf8"));
const page = (name: string) => readFileSync(join(ROOT, "docs", name), "utf8");

test("every alert is explained, and says how grave it is and what is the matter; and nothing else is explained", () => {
  const explained = [...page("alerts.md").matchAll(/^\| `(Millrace\w+)`/gm)].map(
    ([, name]) => name,
  );
  expect(explained).toEqual(rules.map(({ alert }) => alert));
  for (const { alert, labels, annotations } of rules) {
    expect(labels.severity, alert).toMatch(/^(warning|critical)$/);
    expect(annotations.summary.length, alert).toBeGreaterThan(10);
    expect(annotations.description.length, alert).toBeGreaterThan(10);
  }
});

test("alerts ask for metrics that there are", () => {
  const documented = page("operations.md");
  for (const { alert, expr } of rules) {
    const asked = [...expr.matchAll(/millrace_\w+/g)].map(([name]) =>
      name.replace(/_(bucket|count)$/, ""),
    );
    expect(asked.length + (expr.includes("up{") ? 1 : 0), alert).toBeGreaterThan(0);
    for (const name of asked) expect(documented, alert).toContain(`\`${name}\``);
  }
});

test("every metric of ours is documented, and no other", async () => {
  const { stdout } = await promisify(execFile)(
    "grep",
    [
      ...["-rhoE", "--include=*.ts", "--exclude=*.test.ts"],
      ...['"millrace_[a-z_]+(total|seconds|bytes|runs|[a-z])"', "packages/server/src"],
    ],
    { cwd: ROOT },
  );
  const made = new Set(
    stdout
      .trim()
      .split("\n")
      .map((name) => name.slice(1, -1)),
  );
  // Roles of the database, a channel of it, and databases of the test kit.
  const others = (name: string) => /_(api|worker|scheduler|maintenance|bell|kit)$/.test(name);
  const documented = [...page("operations.md").matchAll(/`(millrace_[a-z_]+)`/g)].map(
    ([, name]) => name!,
  );
  expect([...made].filter((name) => !others(name) && !documented.includes(name))).toEqual([]);
  expect(documented.filter((name) => !made.has(name))).toEqual([]);
});

test("the hurried rules of faults:alerts are the same in a world in which a minute is a second", () => {
  const hurried = rulesOf(hurriedRules());
  expect(hurried.map(({ alert }) => alert)).toEqual(rules.map(({ alert }) => alert));
  const waits = hurried.find(({ alert }) => alert === "MillraceQueueWaits")!;
  expect(waits.expr).toContain("millrace_queue_oldest_seconds) > 5 ");
  expect([patienceOf("MillraceQueueWaits"), patienceOf("MillraceWorkerLost")]).toEqual([5000, 0]);
});

const promtool = installedProgram("promtool");

/** What promtool says; it ends with 0 when all is well. */
async function told(args: string[], input?: string): Promise<[code: number | null, said: string]> {
  const child = await Child.start(promtool!, args, {
    cwd: ROOT,
    ...(input !== undefined && { input }),
  });
  const { code } = await child.exited;
  return [code, child.output];
}

test.skipIf(!promtool)(
  "promtool accepts the rules, and each fires on what it is about and not on what it is not (Debian: apt-get install prometheus)",
  async () => {
    const [code, said] = await told(["test", "rules", "deploy/prometheus/millrace.test.yml"]);
    expect(said).toContain("SUCCESS");
    expect(code).toBe(0);
  },
);

test.skipIf(!promtool)(
  "promtool has nothing against names, types, units and labels of the metrics of a server at work (Debian: apt-get install prometheus)",
  async () => {
    await one.cli("run", "echo", "--input", '{"text":"hi"}', "--wait");
    const client = new pg.Client({ connectionString: one.database.url });
    await client.connect();
    onTestFinished(() => client.end());
    // What its worker says of itself every 15 s.
    await client.query(
      "update millrace.worker set claims = 1, claim_p50_ms = 1, claim_p99_ms = 2, claims_at = clock_timestamp()",
    );
    const metrics = await until("it tells how long claims take", async () => {
      const { MILLRACE_URL, MILLRACE_API_KEY } = one.client;
      const headers = { authorization: `Bearer ${MILLRACE_API_KEY}` };
      const text = await (await fetch(`${MILLRACE_URL}/metrics`, { headers })).text();
      return text.includes("\nmillrace_claim_seconds{") && text;
    });
    expect(metrics).toContain("\nnodejs_eventloop_lag_seconds{");
    expect(await told(["check", "metrics"], metrics)).toEqual([0, ""]);
  },
);
