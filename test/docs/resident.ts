import { mkdtempSync, rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runInside } from "../support/millrace.ts";

interface Asked {
  args: string[];
  cwd: string;
  env: Record<string, string>;
  input: string;
}

/** Carries out commands of millrace in this process, for `relay.cjs`. */
export class Resident implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "millrace-resident-"));
  readonly socket = join(this.#folder, "socket");
  readonly #server: Server = createServer((socket) => void answer(socket));

  static async start(): Promise<Resident> {
    const resident = new Resident();
    await new Promise<void>((resolve) => {
      resident.#server.listen(resident.socket, resolve);
    });
    return resident;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function answer(socket: Socket): Promise<void> {
  // Whoever asked may be killed.
  socket.on("error", () => {});
  const say = (to: 1 | 2 | "exit", what: string | number) =>
    socket.write(`${JSON.stringify([to, what])}\n`);
  for await (const line of createInterface(socket)) {
    const asked = JSON.parse(line) as Asked;
    const code = await runInside(asked.args, asked, {
      stdout: (text) => say(1, text),
      stderr: (text) => say(2, text),
    });
    say("exit", code);
    socket.end();
  }
}
