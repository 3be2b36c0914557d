import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { addressOf, launch, millrace } from "../support/millrace.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { until } from "../support/until.ts";
import { KEY, OneServer } from "./one-server.ts";

test("a server tells a target of a run that gives up, and the command line shows, silences and changes it", async () => {
  const there = await receivingServer();
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const home = mkdtempSync(join(tmpdir(), "millrace-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  await using server = await launch(["start", "--jobs", join(import.meta.dirname, "jobs")], {
    DATABASE_URL: database.url,
    MILLRACE_API_KEY: KEY,
    MILLRACE_HOME: home,
    MILLRACE_PORT: "0",
    MILLRACE_ALLOWED_HOSTS: there.host,
    MILLRACE_PUBLIC_URL: "https://mill.example.com",
  });
  const address = await addressOf(server);
  const client = { MILLRACE_URL: address, MILLRACE_API_KEY: KEY, MILLRACE_HOME: home };
  const cli = (...args: string[]) => millrace(["alerts", ...args], client);
  expect((await cli()).stderr).toBe("Nothing is wrong, as far as rules tell.\n");
  expect((await cli("targets")).stderr).toBe("No targets. Alerts are listed all the same.\n");

  const credential = { input: `${there.url}/services/hidden-part\n` };
  const made = await millrace(["alerts", "targets", "slack", "chat"], client, credential);
  expect(made).toMatchObject({ code: 0, stdout: "✓ chat is told of alerts\n" });
  expect(await cli("test", "chat")).toMatchObject({
    code: 0,
    stdout: "✓ Delivered, and answered 204\n",
  });
  const targets = await cli("targets");
  expect(targets.stdout).toMatch(/^chat +slack +127\.0\.0\.1:\d+ +all +info +on$/m);
  expect(targets.stdout).not.toContain("hidden-part");

  const run = await millrace(["run", "hostile", "--wait"], client);
  expect(run.code).toBe(10);
  const db = new pg.Client({ connectionString: database.url });
  await db.connect();
  onTestFinished(() => db.end());
  const told = await until("the target is told", async () => {
    await db.query("update millrace.alert_round set next_at = '-infinity'");
    return there.received.find(({ body }) => body.includes("dead-letters"));
  });
  expect(JSON.parse(told.body).text).toBe(
    "warning: dead-letters: 1 run of hostile gave up within 10 m",
  );
  expect(told.body).toContain("https://mill.example.com/jobs/hostile");
  expect((await cli()).stdout).toMatch(
    /^firing +warning +dead-letters .* 1 run of hostile gave up/m,
  );
  await until("it is noted that it was delivered", async () =>
    / alert\.firing +dead-letters +delivered +1 /.test(
      (await cli("targets", "log", "chat")).stdout,
    ),
  );

  const [alert] = (await cli("--json")).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect((await cli("ack", alert.id, "--note", "mine")).stdout).toContain("acknowledged");
  const quiet = await cli("silence", "dead-letters", "--about", "hostile", "--for", "1h", "--json");
  expect((await cli()).stdout).toMatch(/^firing, silenced, api /m);
  expect((await cli("silence")).stdout).toContain("dead-letters");
  expect((await cli("silence", "end", JSON.parse(quiet.stdout).id)).code).toBe(0);
  expect((await cli("silence", "dead-letters")).code).toBe(2);

  const set = ["rules", "set", "dead-letters", "--threshold", "5", "--for", "1m"];
  expect((await cli(...set)).stdout).toBe("✓ dead-letters is set\n");
  expect((await cli("rules")).stdout).toMatch(
    /^dead-letters .* above 5 runs +1 m .* on, changed$/m,
  );
  expect((await cli("rules", "rm", "dead-letters")).stdout).toBe(
    "✓ dead-letters is as it was in the beginning\n",
  );
  expect((await cli("targets", "rm", "chat")).code).toBe(0);
  expect(server.output).toContain("alert.firing");
  expect(server.output).not.toContain("hidden-part");
});

describe("a name or a value that is not there", () => {
  const one = OneServer.forThisFile();
  const cli = (...args: string[]) => one.cli("alerts", ...args);

  test("a rule, a target or a silence ends with the exit code of what is not found", async () => {
    const id = "019e0000-0000-7000-8000-000000000000";
    for (const args of [
      ["silence", "dead-lettres", "--for", "1h"],
      ["--rule", "dead-lettres"],
      ["rules", "rm", "no-rule"],
      ["silence", "end", id],
      ["acknowledge", id],
      ["test", "nobody"],
      ["targets", "rm", "nobody"],
      ["targets", "log", "nobody"],
    ]) {
      const { code, stdout, stderr } = await cli(...args);
      expect([code, stdout], `${args.join(" ")}: ${stderr}`).toEqual([3, ""]);
    }
    expect((await cli("silence", "dead-lettres", "--for", "1h")).stderr).toContain(
      "did you mean dead-letters?",
    );
    expect((await cli("silence")).stderr).toBe("No silences.\n");
  });

  test("a rule about what nothing is called yet is set, says so, and shows it until something is", async () => {
    const set = await cli("rules", "set", "dead-letters", "--about", "nojob");
    expect(set).toMatchObject({ code: 0, stdout: "✓ dead-letters is set\n" });
    expect(set.stderr).toMatch(
      /^! No job is called nojob yet: .* millrace alerts rules set dead-letters --about-all\n$/,
    );
    expect((await cli("rules")).stdout).toMatch(/^dead-letters .* nojob \(no such job\) /m);
    const known = await cli("rules", "set", "dead-letters", "--about", "hostile");
    expect(known.stderr).toBe("");
    expect((await cli("rules")).stdout).toMatch(/^dead-letters +dead-letters +hostile +above/m);
    await cli("rules", "set", "dead-letters", "--about", "nojob");
    expect((await cli("rules", "rm", "dead-letters")).stderr).toBe("");
  });

  test("to set nothing of a rule is refused, with what there is to set", async () => {
    expect(await cli("rules", "set", "dead-letters")).toMatchObject({
      ...{ code: 2, stdout: "" },
      stderr: expect.stringContaining("--threshold"),
    });
    expect((await cli("rules")).stdout).toMatch(/^dead-letters .* on$/m);
  });

  test("a webhook that is tried as a target is said to be a webhook, also to who is confined", async () => {
    const send = ["webhooks", "send", "me", "https://example.com/me", "--event", "alert.firing"];
    expect((await one.cli(...send)).code).toBe(0);
    const made = await one.cli(
      ...["keys", "create", "of default", "--role", "operator", "--project", "default"],
    );
    expect(made.code, made.stderr).toBe(0);
    const confined = { ...one.client, MILLRACE_API_KEY: made.stdout.trim() };
    for (const env of [one.client, confined]) {
      expect(await millrace(["alerts", "test", "me"], env)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining(
          "me is a webhook, and no target: try it by millrace webhooks test me",
        ),
      });
    }
  });

  test("a credential of nothing is refused by where it was to come from", async () => {
    const none = (...args: string[]) =>
      millrace(["alerts", "targets", ...args], one.client, { input: "\n" });
    expect(await none("slack", "chat")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "nothing came on stdin: give the URL of the incoming webhook there",
      ),
    });
    const empty = join(one.home, "empty");
    writeFileSync(empty, "");
    expect(await none("pagerduty", "pager", "--from-file", empty)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is empty: write the integration's key into it"),
    });
    expect((await cli("targets")).stdout).toBe("");
  });
});
