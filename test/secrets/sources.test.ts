import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSecrets } from "../../packages/server/src/engine/load-secrets.ts";
import { EnvironmentSource } from "../../packages/server/src/security/environment-source.ts";
import { FileSource } from "../../packages/server/src/security/file-source.ts";
import { LeasedSource } from "../../packages/server/src/security/managers/leased-source.ts";
import {
  type SecretSource,
  type SecretSources,
  type SourceKind,
  readReference,
} from "../../packages/server/src/security/secret-source.ts";
import { SourceAway } from "../../packages/server/src/security/source-away.ts";
import { SecretLeases } from "../../packages/server/src/worker/secret-leases.ts";
import { defineJob } from "@millrace/sdk";
import { type Masks, createLogger, openDatabase } from "millrace";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Mill } from "../support/mill.ts";
import { secretKeys } from "../support/secret-keys.ts";
import { diskFolder } from "../support/servers/memory.ts";
import { until } from "../support/until.ts";
import { startAws } from "./managers/aws.ts";
import { startAzure } from "./managers/azure.ts";
import { startGcp } from "./managers/gcp.ts";
import type { Fault, ManagerUnderTest } from "./managers/manager.ts";
import { startVault } from "./managers/vault.ts";

const MANAGERS = { vault: startVault, aws: startAws, gcp: startGcp, azure: startAzure };

const KINDS = Object.keys(MANAGERS) as (keyof typeof MANAGERS)[];

const LEASE_MS = 300_000;

/** Source and place, with the hand that puts a value there. */
interface Placed {
  source: SecretSource;
  place: string;
  put(value: string): void;
  remove(): void;
}

function inEnvironment(): Placed {
  const env: NodeJS.ProcessEnv = {};
  return {
    source: new EnvironmentSource(env),
    place: "THE_TOKEN",
    put: (value) => void (env["THE_TOKEN"] = value),
    remove: () => void delete env["THE_TOKEN"],
  };
}

function inFile(): Placed {
  const folder = realpathSync(mkdtempSync(join(diskFolder(), "millrace-secret-")));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const place = join(folder, "token");
  return {
    source: new FileSource("/nowhere"),
    place,
    put: (value) => writeFileSync(place, value),
    remove: () => rmSync(place, { force: true }),
  };
}

/** One server of each for the whole file, a manager and its leases for each test. */
const running = {} as Record<keyof typeof MANAGERS, ManagerUnderTest>;

let names = 0;

beforeAll(async () => {
  // Clients look for credentials of whoever is at home, too.
  process.env["HOME"] = "/nowhere";
  for (const name of ["AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"]) delete process.env[name];
  for (const kind of KINDS) running[kind] = await MANAGERS[kind]();
});

afterAll(async () => {
  for (const manager of Object.values(running)) await manager.stop();
});

/** A secret that no other test knows, with a clock that stands. */
function managed(kind: keyof typeof MANAGERS, options: { timeoutMs?: number } = {}) {
  const under = running[kind];
  const { server, manager } = under;
  const clock = { now: 0 };
  server.fault = undefined;
  onTestFinished(() => {
    server.fault = undefined;
  });
  const source = new LeasedSource(manager, {
    leaseMs: LEASE_MS,
    now: () => clock.now,
    // The first question loads a library.
    timeoutMs: 60_000,
    ...options,
  });
  const name = `secret-${++names}`;
  const placed: Placed = {
    source,
    place: under.place(name),
    put: (value) => under.put(name, value),
    remove: () => under.remove(name),
  };
  return { ...placed, under, server, clock, name, asked: server.asked };
}

async function troubleOf(source: SecretSource, place: string): Promise<Error> {
  const found = await source.resolve(place).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (found instanceof Error) return found;
  throw new Error("it was found");
}

const ALL: Record<SourceKind, () => Placed> = {
  env: inEnvironment,
  file: inFile,
  vault: () => managed("vault"),
  aws: () => managed("aws"),
  gcp: () => managed("gcp"),
  azure: () => managed("azure"),
};

describe.each(Object.entries(ALL))("a secret that lies at %s:", (kind, placed) => {
  test("is found by its reference as it lies there, and is no error of anybody's when it is not there", async () => {
    const { source, place, put, remove } = placed();
    expect(readReference(`${kind}:${place}`)).toEqual({ kind, place });
    const value = "the välue, with 'quotes' & a \"line\"\n";
    put(value);
    expect((await source.resolve(place)).value).toBe(value);
    remove();
    const other = placed();
    const error = await troubleOf(other.source, other.place);
    expect(error).not.toBeInstanceOf(SourceAway);
    expect(error.message).toContain(other.place.split("#")[0]);
  });
});

describe.each(KINDS)("%s, by its protocol,", (kind) => {
  test("is asked once for all who want a secret, and again when two thirds of its lease are over, by one of them", async () => {
    const { source, place, put, server, clock, asked } = managed(kind);
    put("the first value");
    const all = await Promise.all(Array.from({ length: 50 }, () => source.resolve(place)));
    expect(new Set(all.map(({ value }) => value))).toEqual(new Set(["the first value"]));
    expect(all[0]!.goodForMs).toBe(LEASE_MS);
    expect(server.asked).toBe(asked + 1);

    put("the second value");
    clock.now = LEASE_MS * (2 / 3) - 1;
    expect((await source.resolve(place)).value).toBe("the first value");
    expect(server.asked).toBe(asked + 1);
    clock.now = LEASE_MS * (2 / 3) + 1;
    for (let askers = 0; askers < 50; askers++) await source.resolve(place);
    await until("the second value is there", async () => {
      return (await source.resolve(place)).value === "the second value";
    });
    expect(server.asked).toBe(asked + 2);
    expect((await source.resolve(place)).goodForMs).toBe(LEASE_MS);
  });

  test("that gives no answer, or none of its own, is away, and nothing of before is given after the lease", async () => {
    const { source, place, put, server, clock } = managed(kind, { timeoutMs: 5000 });
    put("the-canary-of-before");
    await source.resolve(place);
    const faults: Fault[] = ["hangs", "breaks off", "busy", "no JSON", "another form", "elsewhere"];
    for (const fault of faults) {
      server.fault = fault;
      expect((await source.resolve(place)).value).toBe("the-canary-of-before");
      clock.now += LEASE_MS;
      const error = await troubleOf(source, place);
      expect(error, fault).toBeInstanceOf(SourceAway);
      expect(error.message, fault).not.toMatch(/canary|token-of|the-key|the-secret-id|hvs\./);
      server.fault = undefined;
      // The answer of a moment ago is not asked for again at once.
      await expect(source.resolve(place), fault).rejects.toBe(error);
      clock.now += 2000;
      await source.resolve(place);
    }
  }, 30_000);

  test("that has taken it away, or given it to others alone, says so, and nothing of before is given from then on", async () => {
    for (const loss of ["removed", "denied"] as const) {
      const { source, place, put, remove, under, name, clock } = managed(kind);
      put("the-canary-of-before");
      await source.resolve(place);
      if (loss === "removed") remove();
      else under.deny(name);
      clock.now = LEASE_MS * (2 / 3) + 1;
      await source.resolve(place);
      const error = await until("it is not given any more", () =>
        troubleOf(source, place).catch(() => undefined),
      );
      expect(error, loss).not.toBeInstanceOf(SourceAway);
      expect(error.message, loss).toMatch(loss === "removed" ? /nothing at/ : /not (let|give)/);
      expect(error.message).not.toContain("canary");
    }
  });

  test("gives a field of JSON where the reference names one, and shows nothing of what it is instead", async () => {
    const { source, put, server, name, under } = managed(kind);
    const [document] = under.place(name).split("#") as [string];
    // What lies at Vault is fields in any case.
    const [field, json] =
      kind === "vault"
        ? ["value", "the-canary"]
        : ["token", JSON.stringify({ token: "the-canary", port: 5432 })];
    put(json);
    expect((await source.resolve(`${document}#${field}`)).value).toBe("the-canary");
    for (const none of ["other-field", "toString", "__proto__"]) {
      const error = await troubleOf(source, `${document}#${none}`);
      expect(error.message).toBe(`what is there has no field ${none}`);
    }
    if (kind === "vault") return;
    expect((await troubleOf(source, `${document}#port`)).message).toBe("the field port is no text");
    expect(server.asked).toBeGreaterThan(0);
    const plain = managed(kind);
    plain.put("the-canary is no JSON");
    const error = await troubleOf(plain.source, `${plain.place}#token`);
    expect(error.message).toBe("what is there is no JSON object, which could have a field token");
  });
});

test.each(["vault", "gcp", "azure"] as const)(
  "%s: an answer without end is not read to its end",
  async (kind) => {
    const { source, place, put, server } = managed(kind);
    put("the first value");
    server.fault = "huge";
    const error = await troubleOf(source, place);
    expect(error).not.toBeInstanceOf(SourceAway);
    expect(error.message).toContain("gives more than 1048576 bytes");
  },
);

const NAMES = ["IN_ENV", "IN_FILE", "IN_VAULT", "IN_AWS", "IN_GCP", "IN_AZURE"] as const;

/** A worker of a job that wants them all, and what it logs. */
async function millOf(sources: SecretSources, places: readonly string[], now?: () => number) {
  const job = defineJob({
    name: "all",
    secrets: NAMES,
    retry: { maxAttempts: 1 },
    run: (_input, { secrets, log }) => {
      for (const name of NAMES) log.info(`got ${secrets[name]}`);
      return NAMES.map((name) => secrets[name].length);
    },
  });
  const other = defineJob({ name: "other", run: () => "done" });
  const mill = await Mill.create(job, other);
  await mill.rows(
    `insert into millrace.secret (name, version, source, created_by, changed_by)
     select name, 1, source, 'test', 'test' from unnest($1::text[], $2::text[]) s (name, source)`,
    [[...NAMES], places],
  );
  const secrets = new SecretLeases(
    ({ name, secrets: wanted }) =>
      loadSecrets(mill.db, { keys: secretKeys([]), sources }, name, wanted),
    now && { now },
  );
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const logger = createLogger("debug", { write }, secrets.masks.mask);
  const worker = await mill.startWorker({ secrets, logger });
  await mill.startDispatcher();
  return { mill, worker, lines, masks: secrets.masks };
}

function everywhere(now?: () => number) {
  const placed = Object.entries(ALL).map(([kind, make]) => ({ kind, ...make() }));
  const sources = Object.fromEntries(
    placed.map(({ kind, source }) => {
      const under = running[kind as keyof typeof MANAGERS];
      // The first question loads a library and logs in, which takes longer than a manager may where the machine is busy.
      const options = { timeoutMs: 60_000, ...(now && { now }) };
      return [kind, under ? new LeasedSource(under.manager, options) : source];
    }),
  );
  for (const { kind, put } of placed) put(`canary-in-${kind}-0a1b2c`);
  return { sources, places: placed.map(({ kind, place }) => `${kind}:${place}`) };
}

function expectMasked(text: string, masks: Masks): void {
  for (const name of NAMES) expect(text).toContain(`[secret ${name}]`);
  expect(text).not.toContain("canary");
  expect(masks.mask("canary-in-vault-0a1b2c")).toBe("[secret IN_VAULT]");
}

test("a job gets its secrets from all of them at once, and each is masked in what it logs", async () => {
  const { sources, places } = everywhere();
  const { mill, lines, masks } = await millOf(sources, places);
  const { output } = await mill.untilState(await mill.enqueue("all"), "completed");
  expect(output).toEqual(
    ["env", "file", "vault", "aws", "gcp", "azure"].map((kind) => 17 + kind.length),
  );
  const logged = await mill.rows<{ text: string }>("select l::text as text from millrace.log l");
  expectMasked(logged.map(({ text }) => text).join("\n"), masks);
  expectMasked(lines.join(""), masks);
});

test("while a manager is away runs wait, use up no try, and take no turn of others; they go on when it is back", async () => {
  // Thirty seconds are one.
  const now = () => performance.now() * 30;
  const { sources, places } = everywhere(now);
  const { server } = running.vault;
  const { mill, worker, lines } = await millOf(sources, places, now);
  server.fault = "busy";
  const waiting = await mill.enqueue("all");
  await until("the worker says why", () => {
    return worker.health().why?.includes("job all waits for its secrets");
  });
  const attempt = await until("it was handed back", async () => {
    const [row] = await mill.rows<{ outcome: string; message: string }>(
      "select outcome::text, error_message as message from millrace.attempt where run_id = $1",
      [waiting],
    );
    return row;
  });
  expect(attempt).toEqual({
    outcome: "released",
    message:
      "job all waits for its secrets, which lie where nobody answers: IN_VAULT: Vault gives no answer (HTTP 503)",
  });
  expect(worker.health().ok).toBe(true);

  const asked = server.asked;
  const later = await mill.enqueue("all");
  await mill.untilState(await mill.enqueue("other"), "completed");
  await server.untilAsked(asked + 2);
  expect(await mill.run(later)).toMatchObject({ state: "queued", attempts: 0 });
  expect(await mill.run(waiting)).toMatchObject({ state: "queued", attempts: 1, failures: 0 });

  server.fault = undefined;
  for (const run of [waiting, later]) {
    expect(await mill.untilState(run, "completed")).toMatchObject({ failures: 0 });
  }
  expect(worker.health()).toEqual({ ok: true });
  expect(lines.join("")).toContain("handed back: job all waits for its secrets");
});

test("a worker that nobody knows at a manager any more holds its runs back, as if that were away", async () => {
  for (const kind of KINDS) {
    const under = await MANAGERS[kind]();
    onTestFinished(() => under.stop());
    under.put("known", "the first value");
    const now = { ms: 0 };
    const source = new LeasedSource(under.manager, { now: () => now.ms });
    await source.resolve(under.place("known"));
    under.forgetWorker();
    now.ms = LEASE_MS;
    const error = await troubleOf(source, under.place("known"));
    expect(error, kind).toBeInstanceOf(SourceAway);
    expect(error.message, kind).not.toMatch(/the-token-of|the-secret-id|hvs\./);
  }
});

test("a database that gives no answer is no reason to fail a run that wants secrets, either", async () => {
  const away = openDatabase({
    connection: () => ({ connectionString: "postgresql://127.0.0.1:1/away" }),
    applicationName: "millrace test",
  });
  onTestFinished(() => away.end());
  const origins = { keys: secretKeys([]), sources: {} };
  await expect(loadSecrets(away, origins, "all", NAMES)).rejects.toMatchObject({
    code: "secrets_unavailable",
    message: "job all waits for its secrets: the database gives no answer",
  });
});
