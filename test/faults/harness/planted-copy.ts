import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { Child } from "../../support/child-process.ts";
import type { Edit, PlantedBug } from "./planted-bugs/planted-bug.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SOURCES = "packages/server/src";
const NODE_MODULES = join(ROOT, "node_modules");

/** Its statements must still prepare: a bug that the database refuses is no bug, but a typing error. */
const STATEMENTS = {
  file: "test/engine/statements.test.ts",
  test: "every statement prepares on a migrated database, under a title of its own",
};

/**
 * - caught: the named test failed.
 * - survived: it passed.
 * - broken: there is nothing to conclude: the copy does not compile, the test is not there, or a statement does not prepare.
 */
export interface Verdict {
  verdict: "caught" | "survived" | "broken";
  /** From the start of the test run to its end. */
  ms: number;
  /** The first line of what the test said, or why nothing can be concluded. */
  why: string;
}

interface TestResult {
  file: string;
  fullName: string;
  status: string;
  message: string;
}

/** A copy of this workspace, in which bugs are planted, one at a time; the workspace itself is never touched. */
export class PlantedCopy {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** The packages must have been compiled. */
  static create(): PlantedCopy {
    const folder = mkdtempSync(join(tmpdir(), "millrace-planted-"));
    for (const part of [
      "packages",
      "test",
      "package.json",
      "vitest.config.ts",
      "tsconfig.base.json",
    ]) {
      cpSync(join(ROOT, part), join(folder, part), {
        recursive: true,
        preserveTimestamps: true,
        // What some tests have installed is a hundred megabytes that none of those here wants; and their locks come and go.
        filter: (source) => !["node_modules", ".prepare-lock"].includes(basename(source)),
      });
    }
    linkModules(folder);
    return new PlantedCopy(folder);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** Plants the bug, runs the test that should catch it, and takes the bug out again. */
  async try({ edits, caughtBy }: PlantedBug): Promise<Verdict> {
    const sound = new Map(edits.map(({ file }) => [file, this.#read(file)]));
    try {
      for (const edit of edits) this.#write(edit.file, planted(edit, this.#read(edit.file)));
      const complaint = await this.#compile();
      if (complaint) return { verdict: "broken", ms: 0, why: complaint };
      const begun = performance.now();
      const results = await this.#runTests([caughtBy, STATEMENTS]);
      return { ms: performance.now() - begun, ...judge(results, caughtBy) };
    } finally {
      for (const [file, text] of sound) this.#write(file, text);
    }
  }

  /** Those of the bugs whose tests are green as long as nothing is planted: of the others nothing can be concluded. */
  async green(bugs: readonly PlantedBug[]): Promise<PlantedBug[]> {
    const complaint = await this.#compile();
    if (complaint) throw new Error(`the copy does not compile:\n${complaint}`);
    const results = await this.#runTests([...bugs.map(({ caughtBy }) => caughtBy), STATEMENTS]);
    return bugs.filter(({ caughtBy: { file, test } }) =>
      results.some((one) => one.file === file && one.fullName === test && one.status === "passed"),
    );
  }

  #path(file: string): string {
    return join(this.#folder, SOURCES, file);
  }

  #read(file: string): string {
    return readFileSync(this.#path(file), "utf8");
  }

  #write(file: string, text: string): void {
    writeFileSync(this.#path(file), text);
  }

  /** @returns what the compiler says against it */
  async #compile(): Promise<string | undefined> {
    const compiler = join(NODE_MODULES, "typescript/bin/tsc");
    // Without looking at types: a bug that changes some line costs the compiler no more than that.
    await using child = await Child.start(
      process.execPath,
      [compiler, "-b", "--noCheck", "packages/server"],
      { cwd: this.#folder },
    );
    const { code } = await child.exited;
    return code === 0 ? undefined : child.output.trim();
  }

  async #runTests(tests: readonly PlantedBug["caughtBy"][]): Promise<TestResult[]> {
    const report = join(this.#folder, "report.json");
    rmSync(report, { force: true });
    const names = tests.map(({ test }) => `^${test.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    const args = [
      ...[join(NODE_MODULES, "vitest/vitest.mjs"), "run", "--root", this.#folder],
      ...["--maxWorkers", "1", "--no-isolate", "--reporter=json", `--outputFile=${report}`],
      // On a busy machine a test that passes takes long, and must not be taken for one that fails.
      ...["--testTimeout", "120000"],
      ...["-t", names.join("|"), ...new Set(tests.map(({ file }) => file))],
    ];
    await using child = await Child.start(process.execPath, args, { cwd: this.#folder });
    await child.exited;
    if (!existsSync(report)) throw new Error(`the tests of the copy did not run:\n${child.output}`);
    return this.#resultsIn(readFileSync(report, "utf8"));
  }

  #resultsIn(report: string): TestResult[] {
    const { testResults } = JSON.parse(report) as {
      testResults: {
        name: string;
        message: string;
        assertionResults: { fullName: string; status: string; failureMessages?: string[] }[];
      }[];
    };
    return testResults.flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ fullName, status, failureMessages = [] }) => ({
        file: relative(this.#folder, name),
        fullName,
        status,
        message: failureMessages.join("\n"),
      })),
    );
  }
}

/** @throws Error when the text does not stand where it should: the code has changed, and the bug must be planted anew */
export function planted({ file, find, replace, all = false }: Edit, text: string): string {
  const places = text.split(find).length - 1;
  if (places === 0 || (places > 1 && !all)) {
    throw new Error(`${file} has this ${places} times instead of once:\n${find}`);
  }
  return text.replaceAll(find, () => replace);
}

/** The text of a source file of the server, as it is. */
export function sourceOf(file: string): string {
  return readFileSync(join(ROOT, SOURCES, file), "utf8");
}

function judge(
  results: readonly TestResult[],
  { file, test }: PlantedBug["caughtBy"],
): Pick<Verdict, "verdict" | "why"> {
  const of = (wanted: PlantedBug["caughtBy"]) =>
    results.find((one) => one.file === wanted.file && one.fullName === wanted.test);
  const statements = of(STATEMENTS);
  if (statements?.status !== "passed") {
    return { verdict: "broken", why: `statements: ${statements?.message ?? "not tried"}` };
  }
  const named = of({ file, test });
  if (named?.status === "passed") return { verdict: "survived", why: "" };
  if (named?.status !== "failed")
    return { verdict: "broken", why: `${file} has no test "${test}"` };
  return { verdict: "caught", why: named.message.split("\n")[0]! };
}

/** All installed packages, but our own from the copy. */
function linkModules(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@millrace"), { recursive: true });
  for (const name of readdirSync(NODE_MODULES)) {
    if (name === "millrace" || name === "@millrace" || name.startsWith(".")) continue;
    symlinkSync(join(NODE_MODULES, name), join(modules, name), "junction");
  }
  symlinkSync(join(folder, "packages/server"), join(modules, "millrace"), "junction");
  for (const name of ["core", "sdk"]) {
    symlinkSync(join(folder, "packages", name), join(modules, "@millrace", name), "junction");
  }
}
