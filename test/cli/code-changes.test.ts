import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { OneServer } from "./one-server.ts";

const NOW = join(import.meta.dirname, "code-changes/now");
const NEXT = join(import.meta.dirname, "code-changes/next");
const NOISY = join(import.meta.dirname, "code-changes/noisy");

const { cli } = OneServer.forThisFile(NOW);

/** A run, once it is in that state. */
async function run(job: string, input: object, state: string): Promise<string> {
  const { stdout } = await cli("run", job, "--input", JSON.stringify(input), "--json");
  const { id } = JSON.parse(stdout) as { id: string };
  await until(`${id} is ${state}`, async () => (await shown(id)).state === state);
  return id;
}

interface Shown {
  state: string;
  output: unknown;
  rerunOf: string | null;
  steps: { name: string; attempt: number }[];
  timeline: { event: string; detail: object }[];
}

async function shown(id: string): Promise<Shown> {
  const { stdout } = await cli("run", "show", id, "--json");
  return JSON.parse(stdout) as Shown;
}

interface Checked {
  job: string;
  runs: number;
  more: boolean;
  troubles: { what: string; examples: string[] }[];
}

const replay = (id: string, jobs: string, ...more: string[]) =>
  cli("replay", id, "--local", "--jobs", jobs, "--patience", "300ms", ...more);

describe("millrace fork", () => {
  test("runs a run again from a step: those before it are not run again, and keep what they gave", async () => {
    const old = await run("haul", { kg: 13 }, "failed");
    const { code, stdout } = await cli("fork", old, "--from", "unload", "--input", '{"kg":14}');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^\S+ runs again from unload as \S+, with 2 steps on record\n$/,
      ),
    });
    const made = / as (\S+),/.exec(stdout)![1]!;
    // What the step "load" gave for the old input is still what it gave.
    await until("it has completed", async () => (await shown(made)).state === "completed");
    const forked = await shown(made);
    expect(forked).toMatchObject({ output: "13 kg", rerunOf: old });
    expect(forked.steps.map(({ name, attempt }) => `${name} ${attempt}`).sort()).toEqual([
      "load 0",
      "seal 0",
      "unload 1",
    ]);
    const from = { step: "unload", ordinal: 1, steps: 2 };
    expect(forked.timeline).toContainEqual(
      expect.objectContaining({ event: "fork", detail: { of: old, ...from } }),
    );
    expect((await shown(old)).timeline).toContainEqual(
      expect.objectContaining({ event: "forked", detail: { run: made, ...from } }),
    );
  });

  test("takes an open run, and from a wait that stands; the run itself goes on", async () => {
    const open = await run("haul", { kg: 500 }, "waiting");
    const { stdout } = await cli("fork", open, "--from", "drive", "--input", '{"kg":50}', "--json");
    const { id, steps } = JSON.parse(stdout) as { id: string; steps: number };
    expect(steps).toBe(2);
    await until("it has completed", async () => (await shown(id)).state === "completed");
    expect((await shown(id)).output).toBe("500 kg");
    expect((await shown(open)).state).toBe("waiting");
  });

  test("tells people of an approval again that the new run asks, and not of one that it has", async () => {
    const open = await run("permit", {}, "waiting");
    const fromWait = JSON.parse((await cli("fork", open, "--from", "sign", "--json")).stdout) as {
      id: string;
    };
    await cli("approve", open);
    await until("it has completed", async () => (await shown(open)).state === "completed");
    const fromStep = JSON.parse((await cli("fork", open, "--from", "sign", "--json")).stdout) as {
      id: string;
    };
    for (const { id } of [fromWait, fromStep]) {
      await until("it asks", async () => (await cli("approvals")).stdout.includes(id));
      await until("people are told", async () =>
        (await shown(id)).steps.some(
          ({ name, attempt }) => name === "notify sign" && attempt === 1,
        ),
      );
      await cli("cancel", id);
    }
  });

  test("refuses a step that is not on record, an input that the job does not take, and a run that is not there", async () => {
    const old = await run("haul", { kg: 1 }, "completed");
    expect(await cli("fork", old, "--from", "paint")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has no step "paint" on record; millrace run show lists'),
    });
    expect(await cli("fork", old, "--from", "unload", "--ordinal", "2")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has no step "unload" (2) on record'),
    });
    expect(await cli("fork", old, "--from", "load", "--input", '{"kg":"heavy"}')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("kg"),
    });
    const nobody = "01a20bdf-8731-7000-aa19-ea3d12419fea";
    expect(await cli("fork", nobody, "--from", "load")).toMatchObject({ code: 3 });
  });
});

describe("millrace replay --local", () => {
  test("runs the handler here over what is on record, to its end, and nothing of it begins", async () => {
    const failed = await run("haul", { kg: 13 }, "failed");
    const { code, stdout, stderr } = await replay(failed, NOW);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^3 of 3 steps on record replayed\.\n✕ The handler threw RangeError: an unlucky load/,
    );
    expect(stderr).toContain('info loaded {"year":1970}');
    expect((await shown(failed)).steps).toHaveLength(3);
    const completed = await run("haul", { kg: 7 }, "completed");
    expect(await replay(completed, NOW, "--json")).toMatchObject({
      code: 0,
      stdout: `${JSON.stringify({ v: 1, run: completed, replayed: 3, recorded: 3, missed: [], end: "returned", value: "7 kg" })}\n`,
    });
  });

  test("stops where it waits, and says where the code has changed", async () => {
    const open = await run("haul", { kg: 500 }, "waiting");
    expect((await replay(open, NOW)).stdout).toBe(
      '3 of 3 steps on record replayed.\n⧗ It waits here: sleep "drive".\n',
    );
    const { code, stdout } = await replay(open, NEXT);
    expect(code).toBe(1);
    expect(stdout).toContain('✕ The code has changed: the run has step "load" on record next');
  });

  test("stops where the record ends: no step begins", async () => {
    const old = await run("haul", { kg: 13 }, "failed");
    const { stdout } = await cli("fork", old, "--from", "seal", "--input", '{"kg":500}', "--json");
    const { id } = JSON.parse(stdout) as { id: string };
    await until("it waits", async () => (await shown(id)).state === "waiting");
    await cli("cancel", id);
    // Its wait went with it.
    await until("nothing waits", async () =>
      (await cli("replay", id, "--local", "--jobs", NOW)).stdout.includes("would begin"),
    );
    expect((await replay(id, NOW)).stdout).toBe(
      '2 of 2 steps on record replayed.\n⧗ The record ends here: sleep "drive" would begin.\n',
    );
  });

  test("ends though the handler waits for something else, and says so", async () => {
    const open = await run("quiet", {}, "waiting");
    const { code, stdout } = await replay(open, NEXT);
    expect(code).toBe(1);
    expect(stdout).toBe(
      '0 of 2 steps on record replayed; not step "open", sleep "rest".\n✕ The code has changed: the handler has not come to step "open" and 1 more on record for 300 ms: it does something else, or waits outside of its steps\n',
    );
  });

  test("ends behind the record though the handler goes on there", async () => {
    const old = await run("haul", { kg: 1 }, "completed");
    expect(await replay(old, NOISY)).toMatchObject({
      code: 0,
      stdout:
        "3 of 3 steps on record replayed.\n⧗ The record ends here: the handler has done something else for 300 ms (--patience).\n",
    });
  });

  test("answers alone on stdout, and survives what a handler leaves behind", async () => {
    const open = await run("quiet", {}, "waiting");
    const { code, stdout, stderr } = await replay(open, NOISY, "--json");
    expect({ code, answer: JSON.parse(stdout) as object }).toMatchObject({
      code: 0,
      answer: { end: "waits", replayed: 2 },
    });
    expect(stderr).toContain("printed by the handler");
    expect(stderr).toContain("what a handler has left behind threw RangeError: left behind");
  });

  test("needs the code of the job", async () => {
    const { stdout } = await cli("run", "gone", "--json");
    const { id } = JSON.parse(stdout) as { id: string };
    expect(await replay(id, NEXT)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(
        "the run is of job gone, which the code here does not define",
      ),
    });
    await cli("cancel", id);
  });
});

describe("millrace deploy check", () => {
  const check = async (...args: string[]) => {
    const { stdout } = await cli("deploy", "check", "--json", ...args);
    const lines = stdout.trimEnd().split("\n");
    const found = lines.map((line) => JSON.parse(line) as Checked);
    return (job: string) => found.find((each) => each.job === job)!;
  };

  test("knows effects of a saga, and the steps by which approvals are told of", async () => {
    await run("booked", {}, "waiting");
    expect((await check("--jobs", NEXT))("booked")).toMatchObject({ troubles: [] });
  });

  test("ends though a handler waits for something else before it comes to what is on record", async () => {
    await run("quiet", {}, "waiting");
    const of = await check("--jobs", NEXT, "--replay", "--patience", "300ms");
    expect(of("quiet").troubles).toMatchObject([
      {
        examples: [
          expect.stringContaining("it does something else"),
          ...Array(2).fill(expect.anything()),
        ],
      },
    ]);
    expect(of("booked").troubles).toEqual([]);
  });

  test("tells which runs would be parked because the graph of their flow has changed", async () => {
    const flow = await run("load", {}, "waiting");
    const of = await check("--jobs", NEXT, "--replay", "--patience", "300ms");
    expect(of("load").troubles).toMatchObject([
      {
        what: "they would be parked: the code does not come to what they have on record",
        examples: [expect.stringContaining(`${flow}: the flow has changed`)],
      },
    ]);
  });

  test("tells which runs would fail, and which would go on without what they wait for", async () => {
    const asked = await run("asked", {}, "waiting");
    const misread = await run("misread", {}, "waiting");
    const of = await check("--jobs", NEXT, "--replay", "--patience", "300ms");
    expect(of("asked").troubles).toMatchObject([
      {
        what: "they would go on without what they wait for, or have on record",
        examples: [`${asked}: it does not come to approval "really"`],
      },
    ]);
    expect(of("misread").troubles).toMatchObject([
      {
        what: "they would fail: the handler throws over what they have on record",
        examples: [expect.stringMatching(`^${misread}: TypeError: `)],
      },
    ]);
  });

  test("says that there are more only where there are", async () => {
    await run("booked", {}, "waiting");
    await run("booked", {}, "waiting");
    const { stdout } = await cli("runs", "--job", "booked", "--state", "waiting", "--json");
    const runs = stdout.trimEnd().split("\n").length;
    const most = async (limit: number) =>
      (await check("--jobs", NOW, "--limit", String(limit)))("booked");
    expect(await most(runs)).toMatchObject({ runs, more: false });
    expect(await most(runs - 1)).toMatchObject({ runs: runs - 1, more: true });
  });

  test("tells which open runs the code would not take, park, or never claim, and what to do", async () => {
    const heavy = await run("haul", { kg: 5000 }, "waiting");
    const fits = await run("haul", { kg: 400 }, "waiting");
    const old = await run("pinned", {}, "waiting");
    const lost = await run("gone", {}, "waiting");
    await run("same", {}, "waiting");
    const asked = await run("permit", {}, "waiting");
    const flown = await run("quarry", {}, "waiting");

    const { code, stdout } = await cli(
      "deploy",
      "check",
      "--jobs",
      NEXT,
      "--replay",
      "--patience",
      "300ms",
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✓ same: 2 open runs$/m);
    expect(stdout).toMatch(/^✕ gone: 1 open run\n {4}1 run: the code here has no such job$/m);
    expect(stdout).toContain(`${lost}: waiting`);
    expect(stdout).toMatch(
      /^✕ pinned: 1 open run\n {4}1 run: they have begun with "1", and the code here is version 2$/m,
    );
    expect(stdout).toContain(`${old}: 1`);
    expect(stdout).toContain('→ patch: if this code can finish them, say so: finishes: ["1"]');
    expect(stdout).toMatch(/1 run: their input does not fit the schema any more/);
    expect(stdout).toMatch(new RegExp(`${heavy}: input of haul: .*kg`));
    expect(stdout).toMatch(
      /they would be parked: the code does not come to what they have on record/,
    );
    expect(stdout).toContain(`${flown}: the flow has changed since the run began, in node sieve, `);
    expect(stdout).toMatch(new RegExp(`${fits}: the run has step "load" on record next`));

    const without = await cli("deploy", "check", "--jobs", NEXT, "--json");
    const haul = without.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Checked)
      .find(({ job }) => job === "haul")!;
    expect(haul.troubles.map(({ what }) => what)).toEqual([
      "their input does not fit the schema any more",
      expect.stringContaining("the handler does not name steps that they have on record"),
    ]);
    expect(haul.troubles[1]!.examples[0]).toMatch(/it does not name "seal"$/);

    expect(without.stdout).not.toContain(asked);
    const quarry = /^.*"job":"quarry".*$/m.exec(without.stdout)![0];
    expect((JSON.parse(quarry) as { troubles: unknown[] }).troubles).toMatchObject([
      {
        what: "they would be parked: the flow has other nodes than they began with",
        examples: [`${flown}: its nodes differ: sieve, wait`],
      },
    ]);

    const same = await cli("deploy", "check", "--jobs", NOW, "--replay");
    expect(same).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Nothing is in the way."),
    });
  });
});
