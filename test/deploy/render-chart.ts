import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { installedProgram } from "../support/servers/installed-program.ts";

const run = promisify(execFile);
const CHART = join(import.meta.dirname, "../../deploy/helm/millrace");
const LIBRARIES = "/usr/share/gocode";

/** Why the chart cannot be rendered here; undefined where it can. */
export const cannotRender =
  installedProgram("go") && existsSync(join(LIBRARIES, "src/github.com/Masterminds/sprig"))
    ? undefined
    : "Go or sprig is missing (Debian: apt-get install golang-go golang-github-masterminds-sprig-dev)";

/** The chart as text, by Helm's own template engine, for a release `millrace` in the namespace `millrace`. */
export async function renderChart(values: object = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-chart-"));
  try {
    const program = join(folder, "render");
    await run("go", ["build", "-o", program, join(import.meta.dirname, "render-chart/main.go")], {
      env: {
        PATH: process.env["PATH"],
        GO111MODULE: "off",
        GOPATH: LIBRARIES,
        GOCACHE: join(tmpdir(), "millrace-go-cache"),
      },
    });
    const write = (name: string, value: unknown) => {
      writeFileSync(join(folder, name), JSON.stringify(value));
      return join(folder, name);
    };
    const chart = write("chart.json", parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")));
    const defaults = parse(readFileSync(join(CHART, "values.yaml"), "utf8")) as object;
    const given = write("values.json", merge(defaults, values));
    const args = [chart, given, join(CHART, "templates"), "millrace", "millrace"];
    return (await run(program, args)).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As Helm does: objects are merged, all else is replaced. */
function merge(defaults: object, values: object): object {
  const merged: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(values)) {
    const before = merged[name];
    merged[name] = isObject(before) && isObject(value) ? merge(before, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
