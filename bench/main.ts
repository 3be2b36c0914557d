import { writeFileSync } from "node:fs";
import { Bench, progress } from "./bench.ts";
import { type Verdict, judge } from "./goals.ts";
import { USAGE, readOptions } from "./options.ts";
import { asJson } from "./report/json.ts";
import { asMarkdown } from "./report/markdown.ts";
import { settingOf } from "./report/setting.ts";
import { asSvg } from "./report/svg.ts";
import { terminalTable } from "./report/terminal.ts";
import { Results } from "./results.ts";
import { Servers } from "./servers.ts";
import { Undo } from "./undo.ts";

const DATABASE_URL = process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") return console.log(USAGE);
  const undo = new Undo();
  // A signal often comes twice, from the terminal and from npm; the second must not cut the cleaning short.
  let stopping: Promise<void> | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      stopping ??= undo.all().then(() => process.exit(130));
    });
  }
  try {
    const servers = await Servers.start(DATABASE_URL, options.subjects, undo);
    const bench = new Bench(options, new Results(), servers, undo);
    const setting = settingOf(bench);
    console.log(setting.join("\n"));
    for (const { name, run } of options.workloads) {
      const startedAt = performance.now();
      progress(`${name} `);
      await run(bench);
      progress(` ${Math.round((performance.now() - startedAt) / 1000)} s\n`);
    }
    report(bench, setting);
  } finally {
    await undo.all();
  }
}

function report(bench: Bench, setting: string[]): void {
  const { options, results, failures } = bench;
  const verdicts = judge(results);
  console.log(terminalTable(results));
  console.log(`\n${verdicts.map(line).join("\n")}`);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(asJson(results), null, 2)}\n`);
  if (options.markdown) writeFileSync(options.markdown, asMarkdown(results, setting, verdicts));
  if (options.svg) writeFileSync(options.svg, asSvg(results));
  for (const failure of failures) console.error(`\nfailed: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}

function line({ goal, reached, met }: Verdict): string {
  return `${met ? "met   " : "MISSED"}  ${goal}: ${reached}`;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
