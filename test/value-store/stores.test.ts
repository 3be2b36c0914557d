import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as s3 from "@aws-sdk/client-s3";
import { startFauxqs } from "fauxqs";
import { MetricsRegistry } from "millrace";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openValueStore } from "../../packages/server/src/value-store/open-value-store.ts";
import { measuredStore } from "../../packages/server/src/value-store/measured-store.ts";
import type { ValueStore } from "../../packages/server/src/value-store/value-store.ts";
import { readValueUrl } from "../../packages/server/src/value-store/value-url.ts";

const INSTALLATION = "5b0a1a4e-6f0c-4f6e-9d55-0d6f4a0f7a11";
const OTHER = "5b0a1a4e-6f0c-4f6e-9d55-0d6f4a0f7a12";
const RUNS = [1, 2, 3].map((n) => `01a20bdf-8731-7000-aa19-ea3d12419fe${n}`);

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "millrace-values-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

let emulator: Awaited<ReturnType<typeof startFauxqs>>;
let endpoint: string;

beforeAll(async () => {
  process.env["AWS_ACCESS_KEY_ID"] ??= "test";
  process.env["AWS_SECRET_ACCESS_KEY"] ??= "test";
  // Of Node 20, once in every process.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  emulator = await startFauxqs({ port: 0, logger: false });
  endpoint = `http://127.0.0.1:${emulator.port}`;
});

afterAll(() => emulator.stop());

let buckets = 0;

async function bucket(): Promise<string> {
  const name = `values-${++buckets}`;
  const client = new s3.S3Client({ region: "us-east-1", endpoint, forcePathStyle: true });
  await client.send(new s3.CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return `s3://${name}/some/prefix?region=us-east-1&endpoint=${encodeURIComponent(endpoint)}`;
}

async function putObject(name: string, key: string): Promise<void> {
  const client = new s3.S3Client({ region: "us-east-1", endpoint, forcePathStyle: true });
  await client.send(new s3.PutObjectCommand({ Bucket: name, Key: key, Body: "1" }));
  client.destroy();
}

async function runsOf(store: ValueStore): Promise<string[]> {
  const runs: string[] = [];
  for await (const part of store.runs()) runs.push(...part);
  return runs.sort();
}

/** Each gives the URL of an empty store. */
const KINDS: Record<string, () => string | Promise<string>> = {
  "a folder": () => pathToFileURL(join(folder(), "values")).href,
  "a bucket": bucket,
};

describe.each(Object.entries(KINDS))("%s", (_kind, place) => {
  async function store(installation = INSTALLATION, url?: string) {
    const at = url ?? (await place());
    const opened = await openValueStore(at, installation);
    onTestFinished(() => opened.close());
    return { opened, at };
  }

  test("gives back what was put, however often, and nothing for what was not", async () => {
    const { opened } = await store();
    const text = `{"text":"ä ∑ 🦜 ${"x".repeat(300_000)}"}`;
    for (let times = 0; times < 2; times++) await opened.put(RUNS[0]!, sha256(text), text);
    expect(await opened.get(RUNS[0]!, sha256(text))).toBe(text);
    expect(await opened.get(RUNS[0]!, sha256("another"))).toBeUndefined();
    expect(await opened.get(RUNS[1]!, sha256(text))).toBeUndefined();
  });

  test("lists the runs that have values, each once, in parts, though they are removed on the way", async () => {
    const { opened } = await store();
    expect(await runsOf(opened)).toEqual([]);
    const many = Array.from(
      { length: 1100 },
      (_, n) => `01a20bdf-8731-7000-aa19-${String(n).padStart(12, "0")}`,
    );
    await Promise.all(many.map((run) => opened.put(run, sha256("1"), "1")));
    await opened.put(many[0]!, sha256("2"), "2");
    const parts: number[] = [];
    const seen: string[] = [];
    for await (const part of opened.runs()) {
      parts.push(part.length);
      seen.push(...part);
      await opened.remove(part[0]!);
    }
    expect(seen.sort()).toEqual(many);
    expect(parts).toEqual([1000, 100]);
    expect(await runsOf(opened)).toHaveLength(1098);
  }, 60_000);

  test("passes over what is no run", async () => {
    const { opened, at } = await store();
    const other = at.startsWith("file:") ? undefined : readValueUrl(at);
    await opened.put(RUNS[0]!, sha256("1"), "1");
    if (other?.kind === "s3") await putObject(other.bucket, `${other.prefix}${INSTALLATION}/x/y`);
    else mkdirSync(join(fileURLToPath(at), INSTALLATION, "x"));
    expect(await runsOf(opened)).toEqual([RUNS[0]]);
  });

  test("removes the values of one run, and no others", async () => {
    const { opened } = await store();
    for (const run of RUNS) await opened.put(run, sha256("1"), "1");
    await opened.remove(RUNS[1]!);
    await opened.remove(RUNS[1]!);
    expect(await runsOf(opened)).toEqual([RUNS[0], RUNS[2]]);
    expect(await opened.get(RUNS[1]!, sha256("1"))).toBeUndefined();
    expect(await opened.get(RUNS[0]!, sha256("1"))).toBe("1");
  });

  test("keeps two databases apart that share it", async () => {
    const { opened: mine, at } = await store();
    const { opened: theirs } = await store(OTHER, at);
    await mine.put(RUNS[0]!, sha256("1"), "1");
    expect(await theirs.get(RUNS[0]!, sha256("1"))).toBeUndefined();
    expect(await runsOf(theirs)).toEqual([]);
    await theirs.remove(RUNS[0]!);
    expect(await mine.get(RUNS[0]!, sha256("1"))).toBe("1");
  });

  test.each([
    ["..", sha256("1")],
    ["../../etc", sha256("1")],
    [RUNS[0]!, "../passwd"],
    [RUNS[0]!, ""],
  ])("takes no other names than ids and digests: %s %s", async (run, digest) => {
    const { opened } = await store();
    await expect(opened.put(run, digest, "1")).rejects.toThrow("not a run's id");
    await expect(opened.get(run, digest)).rejects.toThrow("not a run's id");
  });
});

test("files can be read by their owner alone, and an unfinished one is never one", async () => {
  const root = join(folder(), "values");
  const opened = await openValueStore(pathToFileURL(root).href, INSTALLATION);
  await opened.put(RUNS[0]!, sha256("1"), "1");
  const of = join(root, INSTALLATION, RUNS[0]!);
  expect(statSync(root).mode & 0o777).toBe(0o700);
  expect(statSync(of).mode & 0o777).toBe(0o700);
  expect(readdirSync(of)).toEqual([sha256("1")]);
  expect(statSync(join(of, sha256("1"))).mode & 0o777).toBe(0o600);
  // As a crash in the middle of a write that was not atomic would leave it: it is written anew.
  writeFileSync(join(of, sha256("12345")), "12");
  await opened.put(RUNS[0]!, sha256("12345"), "12345");
  expect(readFileSync(join(of, sha256("12345")), "utf8")).toBe("12345");
});

test("what is put, got and removed is measured, and what could not be", async () => {
  const root = join(folder(), "values");
  const metrics = new MetricsRegistry();
  const opened = await openValueStore(pathToFileURL(root).href, INSTALLATION);
  const measured = measuredStore(opened, metrics);
  await measured.put(RUNS[0]!, sha256("ä"), "ä");
  expect(await measured.get(RUNS[0]!, sha256("ä"))).toBe("ä");
  expect(await measured.get(RUNS[0]!, sha256("1"))).toBeUndefined();
  await measured.remove(RUNS[0]!);
  rmSync(root, { recursive: true });
  writeFileSync(root, "");
  await expect(measured.put(RUNS[0]!, sha256("1"), "1")).rejects.toThrow("ENOTDIR");
  const text = await metrics.metrics();
  expect(text).toContain('millrace_value_store_duration_seconds_count{operation="put"} 2');
  expect(text).toContain('millrace_value_store_duration_seconds_count{operation="get"} 2');
  expect(text).toContain('millrace_value_store_duration_seconds_count{operation="remove"} 1');
  expect(text).toContain('millrace_value_store_failures_total{operation="put"} 1');
  expect(text).toContain('millrace_value_store_bytes_total{operation="put"} 2');
  expect(text).toContain('millrace_value_store_bytes_total{operation="get"} 2');
});

test("a folder that cannot be written, and a bucket that is not there, are said to be so", async () => {
  const root = folder();
  writeFileSync(join(root, "file"), "");
  await expect(
    openValueStore(pathToFileURL(join(root, "file", "values")).href, INSTALLATION),
  ).rejects.toMatchObject({ code: "value_store_failed", message: /could not be made: ENOTDIR/ });
  chmodSync(root, 0o700);
  const url = `s3://no-such-bucket/?region=us-east-1&endpoint=${encodeURIComponent(endpoint)}`;
  const absent = await openValueStore(url, INSTALLATION);
  onTestFinished(() => absent.close());
  await expect(absent.put(RUNS[0]!, sha256("1"), "1")).rejects.toMatchObject({
    code: "value_store_failed",
    message: expect.stringContaining("NoSuchBucket"),
  });
});

test.each([
  ["/var/lib/values", "write file:///folder or s3://bucket/prefix"],
  ["https://example.com", "write file:///folder or s3://bucket/prefix"],
  ["file://host/folder", "a folder is written file:///"],
  ["file:///folder?x=1", "a folder is written file:///"],
  ["file:///a%2Fb", "no folder's address"],
  ["s3://key:secret@bucket/", "credentials come from"],
  ["s3://B/", "not the name of an S3 bucket"],
  ["s3://bucket/a//b", "single slashes"],
  ["s3://bucket/a?acl=public", "?region= and ?endpoint= alone"],
  ["s3://bucket/a?endpoint=http://minio.example.com", "write https://"],
  ["s3://bucket/a?endpoint=nowhere", "write an address"],
])("the place %s is refused", (url, why) => {
  expect(() => readValueUrl(url)).toThrow(why);
  expect(() => readValueUrl(url)).not.toThrow(/secret/);
});

test("a place is read from its URL", () => {
  expect(readValueUrl("file:///var/lib/values")).toEqual({
    kind: "directory",
    folder: "/var/lib/values",
  });
  expect(readValueUrl("s3://my.bucket")).toEqual({
    ...{ kind: "s3", bucket: "my.bucket", prefix: "", region: undefined, endpoint: undefined },
  });
  expect(readValueUrl("s3://b-1/a/b/?region=eu-west-1")).toMatchObject({
    ...{ prefix: "a/b/", region: "eu-west-1" },
  });
});
