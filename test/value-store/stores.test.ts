import {
  chmodSync,
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
import { pathToFileURL } from "node:url";
import * as s3 from "@aws-sdk/client-s3";
import { startFauxqs } from "fauxqs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openValueStore } from "../../packages/server/src/value-store/open-value-store.ts";
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

  test("lists the runs that have values in order, in parts", async () => {
    const { opened } = await store();
    expect(await opened.runs(null, 10)).toEqual([]);
    for (const run of RUNS.toReversed()) {
      for (const text of ["1", "2"]) await opened.put(run, sha256(text), text);
    }
    expect(await opened.runs(null, 2)).toEqual(RUNS.slice(0, 2));
    expect(await opened.runs(RUNS[1]!, 2)).toEqual(RUNS.slice(2));
    expect(await opened.runs(RUNS[2]!, 2)).toEqual([]);
  });

  test("removes the values of one run, and no others", async () => {
    const { opened } = await store();
    for (const run of RUNS) await opened.put(run, sha256("1"), "1");
    await opened.remove(RUNS[1]!);
    await opened.remove(RUNS[1]!);
    expect(await opened.runs(null, 10)).toEqual([RUNS[0], RUNS[2]]);
    expect(await opened.get(RUNS[1]!, sha256("1"))).toBeUndefined();
    expect(await opened.get(RUNS[0]!, sha256("1"))).toBe("1");
  });

  test("keeps two databases apart that share it", async () => {
    const { opened: mine, at } = await store();
    const { opened: theirs } = await store(OTHER, at);
    await mine.put(RUNS[0]!, sha256("1"), "1");
    expect(await theirs.get(RUNS[0]!, sha256("1"))).toBeUndefined();
    expect(await theirs.runs(null, 10)).toEqual([]);
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
