import { mkdirSync, mkdtempSync, rmSync, copyFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Child } from "./support/child-process.ts";

/** A breach of a rule: the file it is planted in, its text, and what the linter must say of it. */
type Breach = [file: string, text: string, says: RegExp];

const server = (file: string) => `packages/server/src/${file}`;
const imports = (...specifiers: string[]) =>
  specifiers.map((from, n) => `import { x as x${n} } from "${from}";\nx${n}();\n`).join("");

const MEET = /meet in the database/;

const BREACHES: Record<string, Breach> = {
  "core imports nothing of ours": [
    "packages/core/src/a.ts",
    imports("@millrace/sdk"),
    /core imports nothing of ours/,
  ],
  "a type is an import too": [
    "packages/core/src/c.ts",
    'export type { Job } from "@millrace/sdk";\n',
    /core imports nothing of ours/,
  ],
  "a lazy import is an import too": [
    server("engine/f.ts"),
    'export const f = async () => await import("../transport/a.ts");\n',
    /a use-case is a transaction/,
  ],
  "core does no I/O": ["packages/core/src/b.ts", imports("node:fs/promises"), /core does no I\/O/],
  "sdk imports only core": ["packages/sdk/src/a.ts", imports("millrace"), /sdk imports only/],
  "the dashboard imports only core": [
    "packages/dashboard/src/a.ts",
    imports("@millrace/sdk"),
    /talks HTTP/,
  ],
  "the dashboard has none of the server's code": [
    "packages/dashboard/src/b.tsx",
    imports("../../server/src/api/a.ts"),
    /its insides may change/,
  ],
  "the dashboard loads no schemas": [
    "packages/dashboard/src/c.ts",
    imports("@millrace/core/api"),
    /needs their types/,
  ],
  "the dashboard runs in a browser": [
    "packages/dashboard/src/d.ts",
    imports("node:fs"),
    /runs in a browser/,
  ],
  "runtime is the floor": [server("runtime/a.ts"), imports("../store/a.ts"), /are the floor/],
  "telemetry is the floor": [server("telemetry/a.ts"), imports("../engine/a.ts"), /are the floor/],
  "security is the floor": [server("security/a.ts"), imports("../api/a.ts"), /are the floor/],
  "a folder in a layer is of that layer": [
    server("runtime/embedded/a.ts"),
    imports("../../store/a.ts"),
    /are the floor/,
  ],
  "store does not know engine": [server("store/b.ts"), imports("../engine/a.ts"), /store is SQL/],
  "store does not know sdk": [server("store/c.ts"), imports("@millrace/sdk"), /store is SQL/],
  "transport does not know engine": [
    server("transport/redis/a.ts"),
    imports("../../engine/a.ts"),
    /transport is a doorbell/,
  ],
  "value-store does not know store": [
    server("value-store/a.ts"),
    imports("../store/a.ts"),
    /value-store keeps texts somewhere/,
  ],
  "engine knows no value-store": [
    server("engine/v.ts"),
    imports("../value-store/a.ts"),
    /a use-case is a transaction/,
  ],
  "engine knows no transport": [
    server("engine/b.ts"),
    imports("../transport/a.ts"),
    /a use-case is a transaction/,
  ],
  "engine does not know who calls it": [
    server("engine/c.ts"),
    imports("../worker/a.ts"),
    /a use-case is a transaction/,
  ],
  "api does not know worker": [server("api/routes/b.ts"), imports("../../worker/a.ts"), MEET],
  "scheduler does not know api": [server("scheduler/b.ts"), imports("../api/b.ts"), MEET],
  "worker does not know maintenance": [server("worker/b.ts"), imports("../maintenance/a.ts"), MEET],
  "maintenance does not know scheduler": [
    server("maintenance/b.ts"),
    imports("../scheduler/a.ts"),
    MEET,
  ],
  "nobody knows cli": [server("api/c.ts"), imports("../cli/main.ts"), MEET],
  "no package reaches into another": [
    server("cli/a.ts"),
    imports("@millrace/core/dist/run.js"),
    /its insides may change/,
  ],
  "no package reaches into another by a path": [
    server("engine/d.ts"),
    imports("../../../core/src/run.ts"),
    /its insides may change/,
  ],
  "tests are imported by nobody": [
    "test/e2e/a.ts",
    imports("../../packages/core/src/run.test.ts"),
    /imported by nobody/,
  ],
  "only cli reads the environment": [
    server("worker/c.ts"),
    "console.log(process.env.HOME);\n",
    /only cli/,
  ],
  "the environment has no other name": [
    server("worker/e.ts"),
    'import { env } from "node:process";\nconsole.log(env.HOME);\n',
    /only cli/,
  ],
  "the environment has no other way out": [
    server("worker/f.ts"),
    "const { env } = process;\nconsole.log(env.HOME);\n",
    /only cli/,
  ],
  "only cli handles signals": [
    server("worker/d.ts"),
    'process.once("SIGTERM", () => {});\n',
    /only cli/,
  ],
  "only cli ends the process": ["packages/sdk/src/b.ts", "process.exit(1);\n", /only cli/],
  "imports run in no circle": [
    server("store/d.ts"),
    'export { two } from "./e.ts";\nexport const one = 1;\n',
    /no-cycle/,
  ],
  "imports run in no circle, seen from its other end": [
    server("store/e.ts"),
    'import { one } from "./d.ts";\nexport const two = one + 1;\n',
    /no-cycle/,
  ],
  "exports have names": [server("store/f.ts"), "export default 1;\n", /no-default-export/],
  "no promise is left floating": [
    server("store/g.ts"),
    "export function g() {\n  Promise.resolve(1).then(() => 2);\n}\n",
    /no-floating-promises/,
  ],
  "no promise stands where a yes or no should": [
    server("store/h.ts"),
    "export async function h() {\n  if (Promise.resolve(false)) return 1;\n  return 2;\n}\n",
    /no-misused-promises/,
  ],
  "any is not a type": [server("store/i.ts"), "export const i: any = 1;\n", /no-explicit-any/],
  "types are imported as types": [
    server("store/j.ts"),
    'import { two } from "./e.ts";\nexport const j = (value: typeof two) => value;\n',
    /consistent-type-imports/,
  ],
  "what is not used is removed": [server("store/k.ts"), "const k = 1;\n", /no-unused-vars/],
  "equality is strict": [
    server("store/l.ts"),
    "export const l = (a: unknown, b: unknown) => a == b;\n",
    /eqeqeq/,
  ],
  "what never changes is const": [
    server("store/m.ts"),
    "export function m() {\n  let n = 1;\n  return n;\n}\n",
    /prefer-const/,
  ],
  "Node's own modules are imported as such": [
    server("store/n.ts"),
    'import { join } from "path";\nexport const n = join("a", "b");\n',
    /prefer-node-protocol/,
  ],
};

/** What the rules must leave alone, beside the breaches. */
const ALLOWED: [file: string, text: string][] = [
  [server("cli/b.ts"), 'process.once("SIGINT", () => console.log(process.env.HOME));\n'],
  [server("engine/e.ts"), imports("../store/a.ts", "../runtime/a.ts", "@millrace/sdk")],
  [server("transport/postgres/a.ts"), imports("../../store/a.ts", "@millrace/core")],
  [
    "packages/dashboard/src/e.ts",
    'import { may } from "@millrace/core";\nimport type { Run } from "@millrace/core/api";\nexport const e = (run: Run) => may("admin", run);\n',
  ],
  [server("api/routes/workers.ts"), imports("./worker.ts", "../../engine/a.ts")],
  ["packages/sdk/src/c.ts", imports("@millrace/core", "node:crypto")],
];

describe("the linter refuses each breach of the architecture", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-architecture-"));
  let findings: Map<string, string>;

  beforeAll(async () => {
    const root = join(import.meta.dirname, "..");
    copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    const compilerOptions = {
      module: "nodenext",
      target: "es2023",
      strict: true,
      noEmit: true,
      types: [],
    };
    plant("package.json", JSON.stringify({ type: "module" }));
    plant(
      "tsconfig.json",
      JSON.stringify({ compilerOptions: { ...compilerOptions, allowImportingTsExtensions: true } }),
    );
    for (const [file, text] of [...Object.values(BREACHES), ...ALLOWED]) plant(file, text);
    findings = await lint();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(Object.entries(BREACHES))("%s", (_, [file, , says]) => {
    expect(findings.get(file)).toMatch(says);
  });

  test.each(ALLOWED)("and allows %s", (file) => {
    expect(findings.get(file)).toBeUndefined();
  });

  function plant(file: string, text: string): void {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }

  /** What the linter says of each file. */
  async function lint(): Promise<Map<string, string>> {
    const oxlint = join(
      dirname(createRequire(import.meta.url).resolve("oxlint/package.json")),
      "bin/oxlint",
    );
    const child = await Child.start(process.execPath, [oxlint, "--type-aware", "-f", "json"], {
      cwd: folder,
    });
    await child.exited;
    const said = new Map<string, string>();
    const { diagnostics } = JSON.parse(child.output) as {
      diagnostics: { filename: string; code: string; message: string; help?: string }[];
    };
    for (const { filename, code, message, help } of diagnostics) {
      const file = filename.replaceAll("\\", "/");
      said.set(file, `${said.get(file) ?? ""}${code}: ${message} ${help ?? ""}\n`);
    }
    return said;
  }
});
