import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/database.ts";
import { addressOf, launch, millrace } from "../support/millrace.ts";
import { receivingServer } from "../support/receiving-server.ts";
import { until } from "../support/until.ts";
import { KEY } from "./one-server.ts";

const SECRET = "the secret of both sides";

test("webhooks are made, tested, received, shown and removed on the command line", async () => {
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
  });
  const address = await addressOf(server);
  const client = { MILLRACE_URL: address, MILLRACE_API_KEY: KEY, MILLRACE_HOME: home };
  const cli = (...args: string[]) => millrace(["webhooks", ...args], client);
  expect((await cli()).stderr).toBe("No webhooks.\n");

  await millrace(["secrets", "set", "SHOP_HOOK", "--job", "echo"], client, { input: SECRET });
  const map = ["--map", "note=order.id", "--const", "text=7"];
  const make = ["receive", "shop", "--scheme", "github", "--job", "echo", "--secret", "SHOP_HOOK"];
  const made = await cli(...make, ...map);
  expect(made).toMatchObject({ code: 0, stderr: "shop starts echo. Its address:\n" });
  const url = made.stdout.trim();
  expect(url).toMatch(new RegExp(`^${address}/hooks/[A-Za-z0-9_-]{32}$`));

  const sent = await cli("send", "ops", there.url, "--event", "run.completed", "--job", "echo");
  expect(sent.stderr).toBe(`ops is told at ${there.url}. Its secret, which is shown this once:\n`);
  expect(sent.stdout).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
  expect(await cli("test", "ops")).toMatchObject({
    code: 0,
    stdout: "✓ Delivered, and answered 204\n",
  });

  const body = '{"order":{"id":"o-1"}}';
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  const answer = await fetch(url, {
    method: "POST",
    headers: { "x-hub-signature-256": `sha256=${signature}`, "x-github-delivery": "d-1" },
    body,
  });
  expect([answer.status, await answer.json()]).toMatchObject([422, { code: "webhook_rejected" }]);
  expect((await cli("log", "shop")).stdout).toMatch(/ rejected +d-1 /);
  const whole = await cli("receive", "shop", "--map", "text=order.id", "--json");
  expect(JSON.parse(whole.stdout)).toMatchObject({ mapping: { text: "order.id" } });
  const again = await fetch(url, {
    method: "POST",
    headers: { "x-hub-signature-256": `sha256=${signature}`, "x-github-delivery": "d-1" },
    body,
  });
  const { runId } = (await again.json()) as { runId: string };
  expect((await cli("log", "shop")).stdout).toContain(runId);

  await until("the end of the run is told", () => there.received.length === 2);
  expect(JSON.parse(there.received[1]!.body)).toMatchObject({
    ...{ type: "run.completed", data: { runId, job: "echo" } },
  });
  const log = await cli("log", "ops", "--json");
  const deliveries = log.stdout.trim().split("\n");
  const { id } = JSON.parse(deliveries[0]!);
  expect((await cli("redeliver", id)).stdout).toBe("✓ Delivered, and answered 204\n");
  expect(there.received.filter(({ headers }) => headers["webhook-id"] === id)).toHaveLength(2);

  const rotated = await cli("rotate", "ops", "--overlap", "1h");
  expect(rotated.stderr).toMatch(
    /^ops has another secret; that of before signs as well until \S+\. It is shown this once:\n$/,
  );
  expect(rotated.stdout).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
  expect(rotated.stdout).not.toBe(sent.stdout);
  const list = await cli("list");
  expect(list.stdout).toMatch(/^shop +echo +github +SHOP_HOOK +\/hooks\/\S+$/m);
  expect(list.stdout).toMatch(/^ops +run\.completed +echo +http\S+ +on$/m);
  expect((await cli("send", "ops", "--off")).stdout).toBe("✓ ops is off\n");
  expect(await cli("test", "ops")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("switched off"),
  });
  expect((await cli("send", "shop", there.url, "--event", "run.failed")).code).toBe(2);
  expect((await cli("send", "new", "http://example.com", "--event", "run.failed")).code).toBe(2);
  expect((await cli("receive", "shop", "--map", "a")).stderr).toContain("--map: write a field");
  for (const name of ["shop", "ops"]) {
    expect((await cli("rm", name)).stdout).toBe(`✓ ${name} is removed\n`);
    expect((await cli("rm", name)).code).toBe(3);
  }
});
