import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import type { SubjectSpec } from "./subjects.ts";
import { type Answer, WIRE_FD, onMessage, send } from "./wire.ts";

const FOLDER = import.meta.dirname;

/** The host process of a subject, as main.ts sees it. */
export class Child {
  readonly #process: ChildProcess;
  readonly #wire: Duplex;
  readonly #calls = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #said = "";

  constructor(spec: SubjectSpec, python: string | undefined) {
    const [command, args] = spec.python
      ? [python!, [spec.file, spec.variant ?? ""]]
      : [process.execPath, ["--no-warnings", "host.ts", spec.file, spec.variant ?? ""]];
    this.#process = spawn(command, args, {
      cwd: FOLDER,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    this.#wire = this.#process.stdio[WIRE_FD] as Duplex;
    // A host that dies takes the line with it; its end is reported below, with what it said.
    this.#wire.on("error", () => {});
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#said = (this.#said + text).slice(-2000);
      });
    }
    onMessage(this.#wire, (message) => {
      const answer = message as Answer;
      this.#calls.get(answer.id)?.(answer);
      this.#calls.delete(answer.id);
    });
    const gone = (why: string) => {
      for (const [id, resolve] of this.#calls) {
        resolve({ id, error: `${spec.name}: its process ${why}\n${this.#said}` });
      }
      this.#calls.clear();
    };
    this.#process.once("error", (error) => gone(`did not start: ${error.message}`));
    this.#process.once("exit", (code, signal) => gone(`ended with ${signal ?? code}`));
  }

  async call<T>(method: string, ...params: unknown[]): Promise<T> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      throw new Error(`the process is gone\n${this.#said}`);
    }
    const id = ++this.#lastId;
    const answer = await new Promise<Answer>((resolve) => {
      this.#calls.set(id, resolve);
      send(this.#wire, { id, method, params });
    });
    if ("error" in answer) throw new Error(answer.error);
    return answer.result as T;
  }

  /** Resident memory in bytes, of this process and those that it has started; null where /proc does not tell. */
  memory(): number | null {
    return this.#process.pid === undefined ? null : residentBytes(this.#process.pid);
  }

  /** Ends the process, whether or not the subject could be closed. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    // Its end of the wire closes, and it leaves; celery_host.py stops its workers first.
    this.#wire.destroy();
    await ended;
    clearTimeout(timer);
  }
}

function residentBytes(pid: number): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const own = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return children
      .filter((child) => child.trim() !== "")
      .reduce((sum, child) => sum + (residentBytes(Number(child)) ?? 0), own);
  } catch {
    return null;
  }
}
