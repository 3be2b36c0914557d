import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isNonRetryable } from "@millrace/sdk";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { amountInCents } from "./amount.ts";
import { csvLine } from "./csv.ts";
import { report } from "./job.ts";
import { monthOf } from "./order-date.ts";
import { readOrders } from "./read-orders.ts";

const HEADER = "order_id,ordered_at,product,quantity,unit_price,currency";
const silent = { debug() {}, info() {}, warn() {}, error() {} };

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-report-"));
  process.env.REPORT_ROOT = root;
  process.env.REPORT_OUT = join(root, "out");
});

afterEach(async () => {
  delete process.env.REPORT_ROOT;
  delete process.env.REPORT_OUT;
  await rm(root, { recursive: true });
});

const run = (input: Parameters<typeof report.call>[0]) => report.call(input, { log: silent });

async function runOn(...lines: string[]) {
  await writeFile(join(root, "orders.csv"), [HEADER, ...lines].join("\n"));
  return await run({ file: "orders.csv" });
}

/** White space between the marks says nothing. */
async function pageText(path: string): Promise<string> {
  return (await readFile(path, "utf8")).replace(/\s+/g, " ").replace(/ ?([<>]) ?/g, "$1");
}

async function refusal(input: Parameters<typeof report.call>[0]): Promise<string> {
  const error = await run(input).then(
    () => undefined,
    (refused: Error) => refused,
  );
  expect(error, JSON.stringify(input)).toBeDefined();
  expect(isNonRetryable(error)).toBe(true);
  return error!.message;
}

test("{} reports on the shipped orders, and every line of the file is accounted for", async () => {
  const output = await run({});

  // The totals were counted once by a program in another language.
  expect(output.totals).toEqual({
    orders: 3408,
    units: 8136,
    sales: 419537.47,
    refunds: 18406.29,
    net: 401131.18,
  });
  expect(output.months.map(({ month }) => month)).toHaveLength(14);
  expect(output.rejectedByReason).toEqual({
    "duplicate order": 41,
    "field missing": 34,
    "bad date": 17,
    "other currency": 11,
    "wrong number of fields": 9,
    "bad quantity": 8,
    "bad price": 7,
    "stray quote": 6,
  });
  expect(output.rejectedCount).toBe(133);

  const lines = (await readFile(output.files.rejected, "utf8")).trimEnd().split("\r\n");
  expect(lines).toHaveLength(1 + output.rejectedCount);
  const csv = (await readFile(output.files.csv, "utf8")).trimEnd().split("\r\n");
  expect(csv[11]).toBe("2025-11,416,886,51569.54,864.94,50704.6,EUR");
  expect(csv).toHaveLength(15);
});

test("the page shows the same numbers as chart and as table, and runs nothing", async () => {
  const { files } = await run({});
  const page = await pageText(files.html);
  expect(page).toMatch(/<svg [^>]*role="img" aria-labelledby="chart-title chart-desc">/);
  expect(page.match(/<rect class="sales"/g)).toHaveLength(14);
  expect(page).toContain("<title>2025-11: sales 51,569.54 EUR</title>");
  expect(page).toContain("<td>51,569.54</td><td>864.94</td><td>50,704.60</td>");
  expect(page).toContain("<td>401,131.18</td>");
  expect(page).not.toContain("<script");
  expect(page).not.toContain("NaN");
});

test("markup in a product's name is shown, not obeyed", async () => {
  const { files } = await runOn(
    `1,2025-03-01,<img src=x onerror=alert(1)>&amp;,1,10.00,EUR`,
    `2,<script>alert(1)</script>,Mug,1,10.00,EUR`,
  );
  const page = await pageText(files.html);
  expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;&amp;amp;");
  expect(page).not.toMatch(/<img|<script/);
});

test("a stray quote spoils its own line, and no other", async () => {
  const output = await runOn(
    `1,2025-03-01,Mug,1,10.00,EUR`,
    `2,2025-03-01,"Mug,1,10.00,EUR`,
    `3,2025-03-01,27" monitor,1,10.00,EUR`,
    `4,2025-03-01,"Mug, ""blue""",1,10.00,EUR`,
  );
  expect(output.orders).toBe(3);
  expect(output.rejected).toEqual([
    { line: 3, why: "stray quote: a quote in it is not closed, or text follows it" },
  ]);
});

test("an order that comes twice counts once", async () => {
  const line = `1,2025-03-01,Mug,2,10.00,EUR`;
  const output = await runOn(line, "", line, line);
  expect(output.totals).toMatchObject({ orders: 1, units: 2, sales: 20 });
  expect(output.rejected).toEqual([
    { line: 4, why: "duplicate order: 1 came before" },
    { line: 5, why: "duplicate order: 1 came before" },
  ]);
});

test("a negative quantity is a refund, taken off the net", async () => {
  const output = await runOn(
    `1,2025-03-01,Mug,2,"1.234,50",EUR`,
    `1-R,2025-05-02,Mug,-1,"1.234,50",EUR`,
  );
  expect(output.totals).toEqual({ orders: 1, units: 2, sales: 2469, refunds: 1234.5, net: 1234.5 });
  expect(output.months.map(({ month, net }) => [month, net])).toEqual([
    ["2025-03", 2469],
    ["2025-04", 0],
    ["2025-05", -1234.5],
  ]);
});

test("a range leaves out the other months, and says how many orders that were", async () => {
  const output = await run({ from: "2025-03", to: "2025-04" });
  expect(output.months.map(({ month }) => month)).toEqual(["2025-03", "2025-04"]);
  const everything = await run({});
  expect(output.outsideCount).toBeGreaterThan(2000);
  expect(output.rejectedCount).toBe(everything.rejectedCount);
  expect(output.files.html).not.toBe(everything.files.html);
});

test("a single month is a range of one", async () => {
  const { months, files } = await run({ month: "2025-11" });
  expect(months).toMatchObject([{ month: "2025-11", orders: 416 }]);
  expect(files.html).toMatch(/orders-2025-11\.html$/);
});

test("a range that ends before it begins, and an unknown option, are refused as input", async () => {
  await expect(run({ from: "2025-04", to: "2025-03" })).rejects.toMatchObject({
    code: "invalid_input",
    pointer: "/to",
  });
  await expect(run({ month: "2025-04", to: "2025-05" })).rejects.toMatchObject({
    code: "invalid_input",
    pointer: "/month",
  });
  await expect(run({ year: "2025" } as never)).rejects.toMatchObject({ code: "invalid_input" });
  for (const outDir of ["..", "../x", "a/../../b", "/etc", "a\\b", ".hidden", ""]) {
    await expect(run({ outDir }), outDir).rejects.toMatchObject({ code: "invalid_input" });
  }
});

test("a file outside the root is refused, by dots, by absolute path, and through a link", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "millrace-elsewhere-"));
  try {
    const secret = join(elsewhere, "secret.csv");
    await writeFile(secret, `${HEADER}\n1,2025-03-01,Mug,1,10.00,EUR\n`);
    await symlink(secret, join(root, "link.csv"));
    await symlink(elsewhere, join(root, "folder"));
    for (const file of [
      secret,
      "../secret.csv",
      "link.csv",
      "folder/secret.csv",
      "x/../../y.csv",
    ]) {
      expect(await refusal({ file })).toMatch(/outside its root|ENOENT/);
    }
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

test("a folder for the output that is a link to the outside is refused, and nothing is made there", async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), "millrace-elsewhere-"));
  try {
    await mkdir(join(root, "out"));
    await symlink(elsewhere, join(root, "out", "away"));
    expect(await refusal({ outDir: "away/deep" })).toMatch(/outside its root/);
    expect(await readdir(elsewhere)).toEqual([]);
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

test("what is no file, no CSV or has no such header is refused without showing what stands in it", async () => {
  await writeFile(join(root, "api-key"), "s3cret-key");
  expect(await refusal({ file: "api-key" })).toMatch(/not a \.csv file/);
  await writeFile(join(root, "key.csv"), "s3cret-key\n");
  const message = await refusal({ file: "key.csv" });
  expect(message).toMatch(/lacks order_id/);
  expect(message).not.toContain("s3cret");
  await mkdir(join(root, "folder.csv"));
  expect(await refusal({ file: "folder.csv" })).toMatch(/is not a file/);
  await promisify(execFile)("mkfifo", [join(root, "pipe.csv")]);
  expect(await refusal({ file: "pipe.csv" })).toMatch(/is not a file/);
  await writeFile(join(root, "empty.csv"), "");
  expect(await refusal({ file: "empty.csv" })).toMatch(/empty/);
  expect(await readdir(join(root, "out"))).toEqual([]);
});

test("a run that is aborted leaves no half-written file", async () => {
  await writeFile(join(root, "orders.csv"), `${HEADER}\n${"x".repeat(1000)}\n`);
  const abort = new AbortController();
  abort.abort(new Error("enough"));
  await expect(
    report.call({ file: "orders.csv" }, { log: silent, signal: abort.signal }),
  ).rejects.toThrow("enough");
  await expect.poll(() => readdir(join(root, "out")).catch(() => [])).toEqual([]);
});

test("a file of 60 MB fits into a heap of 40 MB", { timeout: 120_000 }, async () => {
  const path = join(root, "huge.csv");
  await pipeline(async function* () {
    yield `${HEADER},note\n`;
    const note = "n".repeat(1150);
    for (let block = 0; block < 500; block++) {
      let text = "";
      for (let i = 0; i < 100; i++)
        text += `${block * 100 + i},2025-03-01,Mug,1,10.00,EUR,${note}\n`;
      yield text;
    }
  }, createWriteStream(path));
  expect((await stat(path)).size).toBeGreaterThan(57e6);

  const runner = fileURLToPath(new URL("../call.test-runner.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--max-old-space-size=40", runner, "report/job.ts", "report", `{"file":"huge.csv"}`],
    { env: { ...process.env, REPORT_ROOT: root } },
  );
  expect(JSON.parse(stdout)).toMatchObject({ orders: 50_000, totals: { sales: 500_000 } });
});

test("amounts are read as they are written in many countries", () => {
  const known: Record<string, number | undefined> = {
    "1234.5": 123450,
    "1,234.50": 123450,
    "1.234,50": 123450,
    "1 234,50": 123450,
    "1\u00a0234,50": 123450,
    "1’234.50": 123450,
    "€ 12,50": 1250,
    "12.50 EUR": 1250,
    "1,234": 123400,
    "1.234.567": 123456700,
    "-0.5": -50,
    "1,23,45": undefined,
    "12.3.4": undefined,
    "1,234,50": undefined,
    "12.": undefined,
    "": undefined,
    "1e5": undefined,
    "0x10": undefined,
    "99999999999999": undefined,
  };
  for (const [text, cents] of Object.entries(known)) expect(amountInCents(text), text).toBe(cents);
});

test("any amount is read back from each way to write it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e10 }), (cents) => {
      const euros = cents / 100;
      const fixed = { minimumFractionDigits: 2 };
      for (const locale of ["en", "de", "fr", "de-CH", "sv"]) {
        expect(amountInCents(euros.toLocaleString(locale, fixed))).toBe(cents);
      }
      expect(amountInCents(euros.toFixed(2))).toBe(cents);
    }),
  );
});

test("only days of the calendar are dates", () => {
  for (const good of [
    "2025-03-31",
    "2025-03-31T23:59:00+02:00",
    "31.3.2025",
    "31/03/2025",
    "31 Mar 2025",
  ]) {
    expect(monthOf(good), good).toBe("2025-03");
  }
  for (const bad of [
    "2025-02-29",
    "31.11.2025",
    "03/31/2025",
    "1 Foo 2025",
    "45731",
    "1999-01-01",
    "2025-7-1",
    "",
  ]) {
    expect(monthOf(bad), bad).toBeUndefined();
  }
  expect(monthOf("2024-02-29")).toBe("2024-02");
});

test("no cell of the CSV begins a formula", () => {
  for (const bad of ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"]) {
    expect(csvLine([bad]).replace(/^"/, "")).toMatch(/^'/);
  }
  expect(csvLine([-1.5, 'say "hi"', "a,b", "é"])).toBe(`-1.5,"say ""hi""","a,b",é\r\n`);
});

test("whatever bytes a file holds, each line that is not blank is an order or has its reason", async () => {
  const cell = fc.oneof(
    fc.constantFrom("1", "2025-01-01", "EUR", "10.00", "", '"', '"a', 'b"', "\u0000", "-3", "é"),
    fc.string(),
  );
  const line = fc.array(cell, { maxLength: 8 }).map((cells) => cells.join(","));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 50 }), async (lines, size) => {
      const bytes = Buffer.from([HEADER, ...lines].join("\n"));
      async function* pieces() {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
      let entries = 0;
      for await (const entry of readOrders(pieces(), "EUR")) if (entry.line > 1) entries++;
      const written = bytes.toString().split("\n").slice(1);
      expect(entries).toBe(written.filter((text) => text.trim() !== "").length);
    }),
  );
});
