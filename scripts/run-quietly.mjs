import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Runs a program and keeps what it says.
 *
 * @returns {Promise<{ ok: boolean, signal: string | null, output: string }>} a program that cannot be started is not ok
 */
export function runQuietly(command, args, options) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.once("error", (error) => resolve({ ok: false, signal: null, output: error.message }));
    child.once("close", (code, signal) => resolve({ ok: code === 0, signal, output }));
  });
}

/** The command line of an installed development tool, without a shell between, which would differ on Windows. */
export function tool(root, name, args, program = name) {
  const folder = join(root, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return [process.execPath, [join(folder, bin[program]), ...args]];
}
