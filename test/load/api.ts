/**
 * `npm run load:api -- --connections 256 --seconds 60`: connections that ask for runs over HTTP, with a key, as fast as they are answered;
 * first of a bare Fastify route that does nothing, then of `millrace api`, then of the same with an Idempotency-Key, from one driver. No worker
 * runs. Prints answers a second, p50 and p99, and how they stand to the bare route. DATABASE_URL says where, as for all of test/load.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobRegistry } from "millrace";
import { numbersAsked } from "../faults/harness/script.ts";
import { Child } from "../support/child-process.ts";
import { addressOf, launch } from "../support/millrace.ts";
import { openBenchDatabase } from "./database.ts";
import * as jobs from "./jobs/load.job.ts";

const KEY = "mr_the-key-of-the-measured-server";
/** As small as most are. Nobody executes it. */
const BODY = JSON.stringify({ job: "wait", input: { ms: 4711 } });

interface Measured {
  perSecond: number;
  p50: number;
  p99: number;
}

async function main(): Promise<void> {
  const asked = numbersAsked({ connections: 256, seconds: 60 });
  const bare = await Child.start(process.execPath, [join(import.meta.dirname, "bare-api.mjs")]);
  const bench = await openBenchDatabase();
  await new JobRegistry(Object.values(jobs)).register(bench.db);
  const home = mkdtempSync(join(tmpdir(), "millrace-load-"));
  const api = await launch(["api", "--port", "0"], {
    DATABASE_URL: String(bench.connection().connectionString),
    MILLRACE_HOME: home,
    MILLRACE_API_KEY: KEY,
    MILLRACE_API_RATE: "0",
    MILLRACE_LOG_LEVEL: "error",
  });
  try {
    const [, bareAddress] = await bare.waitForLine(/listens on (\S+)/);
    const address = await addressOf(api);
    const floor = await measure(bareAddress!, asked, false);
    const plain = await measure(address, asked, false);
    const keyed = await measure(address, asked, true);
    const { rows } = await bench.db.query("select count(*)::int as runs from millrace.run");
    console.log(
      `${asked.connections} connections, ${asked.seconds} s each; ${rows[0].runs} runs made\n`,
    );
    console.log("| | answers/s | of the bare route | p50 | p99 |");
    console.log("| --- | ---: | ---: | ---: | ---: |");
    for (const [name, { perSecond, p50, p99 }] of [
      ["a bare Fastify route", floor],
      ["POST /api/v1/runs", plain],
      ["with an Idempotency-Key", keyed],
    ] as const) {
      const share = `${((100 * perSecond) / floor.perSecond).toFixed(0)} %`;
      const times = [p50, p99].map((ms) => `${ms.toFixed(1)} ms`);
      console.log(`| ${[name, perSecond.toFixed(0), share, ...times].join(" | ")} |`);
    }
  } finally {
    await Promise.all([bare, api].map((child) => child[Symbol.asyncDispose]()));
    await bench.drop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function measure(
  address: string,
  { connections, seconds }: { connections: number; seconds: number },
  keyed: boolean,
): Promise<Measured> {
  // What is compiled and connected first is not counted.
  await drive(address, connections, Math.min(2, seconds), keyed);
  const begun = performance.now();
  const times = await drive(address, connections, seconds, keyed);
  const perSecond = (times.length * 1000) / (performance.now() - begun);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? NaN;
  return { perSecond, p50: at(0.5), p99: at(0.99) };
}

/** @returns the milliseconds of each answer */
async function drive(
  address: string,
  connections: number,
  seconds: number,
  keyed: boolean,
): Promise<number[]> {
  const { hostname, port } = new URL(address);
  const times: number[] = [];
  const endAt = performance.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: connections }, () =>
      askOnAndOn(hostname, Number(port), endAt, times, keyed),
    ),
  );
  return times;
}

let number = 0;

function askOnAndOn(
  host: string,
  port: number,
  endAt: number,
  times: number[],
  keyed: boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let rest = "";
    const ask = (socket: Socket) => {
      sentAt = performance.now();
      const key = keyed ? `Idempotency-Key: load-${++number}-${sentAt}\r\n` : "";
      socket.write(
        `POST /api/v1/runs HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n${key}Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
      );
    };
    const socket = connect(port, host, () => ask(socket));
    socket.setNoDelay().setEncoding("latin1");
    socket.on("error", reject);
    socket.on("data", (text: string) => {
      rest += text;
      const end = endOfAnswer(rest);
      if (end === undefined) return;
      if (!rest.startsWith("HTTP/1.1 201")) return reject(new Error(rest));
      rest = rest.slice(end);
      times.push(performance.now() - sentAt);
      if (performance.now() < endAt) return ask(socket);
      socket.destroy();
      resolve();
    });
  });
}

function endOfAnswer(text: string): number | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = /content-length: (\d+)/i.exec(text.slice(0, head));
  const end = head + 4 + Number(length?.[1] ?? 0);
  return text.length >= end ? end : undefined;
}

await main();
