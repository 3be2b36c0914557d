import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Cli } from "../../packages/server/src/cli/cli.ts";
import { execute } from "../../packages/server/src/cli/execute.ts";
import { API_KEY, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

/** A terminal of so many cells that keeps what was written to it, and whose keys a test presses. */
function terminal(columns: number, rows: number) {
  const written: string[] = [];
  const resized: (() => void)[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    raw: false,
    setRawMode(raw: boolean) {
      this.raw = raw;
    },
  });
  const stdout = {
    isTTY: true,
    columns,
    rows,
    write: (text: string) => written.push(text),
    on: (_: "resize", listener: () => void) => resized.push(listener),
    off: (_: "resize", listener: () => void) => resized.splice(resized.indexOf(listener), 1),
  };
  const frames = () => written.filter((text) => text.includes("\u001B[H"));
  const last = () => frames().at(-1) ?? "";
  return {
    stdin,
    stdout,
    written,
    frames,
    last,
    resize: (to: { columns: number; rows: number }) => {
      Object.assign(stdout, to);
      for (const listener of resized) listener();
    },
    listeners: resized,
  };
}

async function watching(api: Awaited<ReturnType<typeof startApi>>, columns = 120, rows = 30) {
  const screen = terminal(columns, rows);
  const cli = new Cli({
    env: { MILLRACE_URL: api.url, MILLRACE_API_KEY: API_KEY, NO_COLOR: "1" },
    cwd: () => process.cwd(),
    stdin: screen.stdin,
    stdout: screen.stdout,
    stderr: screen.stdout,
  });
  const ended = execute(cli, ["top"]);
  await until("the first frame is drawn", () => screen.frames().length > 0);
  return { ...screen, ended };
}

test("top draws frames over each other, follows what changes, and leaves the terminal as it was", async () => {
  const api = await startApi();
  const { stdin, written, last, listeners, ended } = await watching(api);
  expect(stdin.raw).toBe(true);
  expect(last()).toMatch(/0 workers, 0 of 0 slots busy {2}0 runs waiting/);
  for (let n = 0; n < 3; n++) await api.call("/api/v1/runs", { json: { job: "nothing" } });
  await until("they are seen", () => last().includes("3 runs waiting"));
  await api.claim(["default"]);
  await until("they run", () => last().match(/nothing/g)?.length === 3);
  // Nothing is cleared before it is drawn over.
  expect(last()).not.toContain("\u001B[2J");
  stdin.write("q");
  expect(await ended).toBe(0);
  expect(stdin.raw).toBe(false);
  expect(listeners).toEqual([]);
  expect(written[0]).toBe("\u001B[?1049h\u001B[?25l\u001B[?7l");
  expect(written.at(-1)).toBe("\u001B[?7h\u001B[?25h\u001B[?1049l");
});

test("top sorts and pauses by its keys, and draws anew when the terminal changes its size", async () => {
  const api = await startApi();
  const { stdin, frames, last, resize, ended } = await watching(api);
  stdin.write("s");
  await until("it sorts by the next", () => last().includes("s sort (by oldest)"));
  resize({ columns: 60, rows: 8 });
  expect(last().split("\r\n")).toHaveLength(8);
  stdin.write("p");
  await until("it pauses", () => last().includes("‖ paused"));
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const count = frames().length;
  await until("it was drawn twice since", () => frames().length > count + 1);
  expect(last()).toContain("0 runs waiting");
  stdin.write(" ");
  await until("it goes on", () => last().includes("1 run waiting"));
  stdin.write("\u0003");
  expect(await ended).toBe(0);
});

test("top keeps what it has seen while the server gives no answer, and says so", async () => {
  const api = await startApi();
  const { stdin, last, ended } = await watching(api);
  await api.close();
  await until("it is told of", () => last().includes("✕ nothing answers at"));
  expect(last()).toContain("0 runs waiting");
  stdin.write("q");
  expect(await ended).toBe(0);
});

test("where nobody looks, top prints once, and as JSON for programs", async () => {
  const api = await startApi();
  await api.call("/api/v1/runs", { json: { job: "nothing" } });
  const asked = async (...argv: string[]) => {
    const lines: string[] = [];
    const cli = new Cli({
      env: { MILLRACE_URL: api.url, MILLRACE_API_KEY: API_KEY },
      cwd: () => process.cwd(),
      stdin: new PassThrough(),
      stdout: { write: (text: string) => lines.push(text) },
      stderr: { write: (text: string) => lines.push(text) },
    });
    expect(await execute(cli, ["top", ...argv])).toBe(0);
    return lines.join("");
  };
  for (const text of [await asked(), await asked("--once")]) {
    expect(text).toContain("1 run waiting");
    expect(text).toMatch(/^default +1 +0 +0/m);
    expect(text).not.toContain("\u001B");
  }
  expect(JSON.parse(await asked("--json"))).toMatchObject({
    v: 1,
    at: expect.stringMatching(/Z$/),
    queues: expect.arrayContaining([expect.objectContaining({ name: "default", ready: 1 })]),
    workers: [],
    running: [],
    errors: [],
  });
});
