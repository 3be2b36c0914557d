import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { OneServer } from "./one-server.ts";

const one = OneServer.forThisFile();
const { cli } = one;

async function asking(): Promise<string> {
  const { stdout } = await cli("run", "asking", "--input", '{"cents":500}', "--json");
  const { id } = JSON.parse(stdout) as { id: string };
  await until("it is asked", async () => (await cli("approvals")).stdout.includes(id));
  return id;
}

async function outputOf(id: string): Promise<unknown> {
  return await until("the run has completed", async () => {
    const { stdout } = await cli("run", "show", id, "--json");
    const { state, output } = JSON.parse(stdout) as { state: string; output: unknown };
    return state === "completed" && { output };
  });
}

test("what runs ask is listed, harmless in one line, and approved or rejected with a note", async () => {
  const [yes, no] = [await asking(), await asking()];
  const { stdout: list } = await cli("approvals", "--job", "asking");
  expect(list).toMatch(/^RUN +JOB +APPROVAL +ROLE +FOR +UNTIL +ASKS$/m);
  expect(list).toMatch(new RegExp(`^${yes} +asking +refund +\\d+ s +Refund 500 cents\\?`, "m"));
  expect(list).not.toContain("\u001B");
  const { stdout: json } = await cli("approvals", "--json", "--limit", "1");
  expect(JSON.parse(json.split("\n")[0]!)).toMatchObject({
    v: 1,
    runId: no,
    name: "refund",
    details: { cents: 500 },
    until: null,
  });
  expect((await cli("runs", "--job", "asking")).stdout).toContain(
    'waits for approval "refund" (Refund 500 cents?',
  );
  expect((await cli("explain", yes)).stdout).toContain('it waits for approval "refund"');
  expect(await cli("approve", yes, "--note", "fine")).toMatchObject({
    code: 0,
    stdout: "✓ refund is approved; the run goes on\n",
  });
  expect((await cli("reject", no, "refund", "--ordinal", "1")).stdout).toBe(
    "✓ refund is rejected; the run goes on\n",
  );
  expect(await outputOf(yes)).toEqual({ output: { approved: true, by: "api", note: "fine" } });
  expect(await outputOf(no)).toEqual({ output: { approved: false, by: "api", note: null } });
  expect(await cli("approvals")).toMatchObject({
    code: 0,
    stdout: "",
    stderr: "No approvals to give.\n",
  });
});

test("an answer that comes second, or to nothing, is refused with who has answered, or where to look", async () => {
  const id = await asking();
  expect(await cli("approve", id, "other")).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("millrace approvals lists what is"),
  });
  const { stdout } = await cli("reject", id, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ v: 1, run: id, approved: false, by: "api" });
  expect(await cli("approve", id)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("was rejected already by api at"),
  });
});

test("a server that was told no other address gives links to its own, which answer without a key", async () => {
  const id = await asking();
  const { fields } = await until("the link is in the log", async () => {
    const { stdout } = await cli("logs", id, "--json");
    const lines = stdout.split("\n").filter((line) => line.includes("asked"));
    return lines.length > 0 && (JSON.parse(lines[0]!) as { fields: { url: string } });
  });
  const url = new URL(fields.url);
  expect(url.origin).toBe(one.client.MILLRACE_URL);
  const page = await fetch(url);
  expect(await page.text()).toContain("500 cents?");
  const body = new URLSearchParams({ link: url.searchParams.get("link")!, answer: "approve" });
  const answer = await fetch(`${url.origin}/approve`, { method: "POST", body });
  // Sent on to what the link shows now.
  expect(answer).toMatchObject({ status: 200, redirected: true, url: url.href });
  expect(await answer.text()).toContain("Approved");
  expect(await outputOf(id)).toEqual({ output: { approved: true, by: null, note: null } });
  // The job itself has written it into its log; the server has not.
  const logged = one.server.output.split("\n").filter((line) => !line.includes('"msg":"asked"'));
  expect(logged.join("\n")).not.toContain("link=");
});
