import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { freePort } from "../free-port.ts";
import { installedProgram } from "./installed-program.ts";
import type { RunningServer, ServerKind } from "./server-kind.ts";
import { makeServerPlace } from "./server-place.ts";
import { startServer } from "./start-server.ts";

export const redis: ServerKind = {
  name: "Redis",
  setting: "MILLRACE_TEST_REDIS_URL",
  debianPackage: "redis-server",
  greet,
  usualUrls: () => ["redis://127.0.0.1:6379"],
  start,
};

/** The answer to PING: `PONG`. */
async function greet(url: string): Promise<string> {
  const { hostname, port, password } = new URL(url);
  const commands = `${password ? `AUTH ${password}\r\n` : ""}PING\r\n`;
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port || 6379), hostname);
    let text = "";
    socket.setTimeout(3000, () => socket.destroy(new Error("no answer in 3 s")));
    socket.once("error", reject).once("close", () => reject(new Error("closed the connection")));
    socket.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      if (!/^(\+PONG|-.*)\r\n/m.test(text)) return;
      resolve(text.trimEnd().split("\r\n").at(-1)!);
      socket.destroy();
    });
    socket.write(commands);
  });
  if (answer !== "+PONG") throw new Error(`PING was answered by ${answer}`);
  return "PONG";
}

async function start(): Promise<RunningServer | undefined> {
  const program = installedProgram("redis-server");
  if (!program) return undefined;
  const place = makeServerPlace("redis");
  try {
    const port = await freePort();
    const password = randomBytes(18).toString("hex");
    const settings = [
      `bind 127.0.0.1`,
      `port ${port}`,
      `requirepass ${password}`,
      `dir ${place.folder}`,
      `save ""`,
      `appendonly no`,
    ];
    return await startServer({
      place,
      program,
      args: [place.write("redis.conf", `${settings.join("\n")}\n`)],
      url: `redis://:${password}@127.0.0.1:${port}`,
      greet,
      stopBy: "SIGTERM",
    });
  } catch (error) {
    place.remove();
    throw error;
  }
}
