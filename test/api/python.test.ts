import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { API_KEY, startApi } from "../support/api.ts";
import { until } from "../support/until.ts";

const ASK = join(import.meta.dirname, "../../examples/python/ask.py");

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function ask(url: string, args: string[], env = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const own = { ...process.env, MILLRACE_URL: url, MILLRACE_API_KEY: API_KEY, ...env };
    execFile("python3", [ASK, ...args], { env: own, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

function hasPython(): boolean {
  try {
    execFileSync("python3", [
      "-c",
      "import urllib.request, sys; assert sys.version_info >= (3, 8)",
    ]);
    return true;
  } catch {
    return false;
  }
}

test("a program in Python asks for a run over plain HTTP, once, and gets what it gave, or the problem", async (context) => {
  if (!hasPython()) context.skip("there is no python3 of version 3.8 or later here");
  const api = await startApi();
  // Between the two, somebody who is busy once, and loses an answer once.
  let requests = 0;
  const between = createServer((request, response) => {
    requests++;
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (requests === 1) return void response.writeHead(503, { "retry-after": "0" }).end();
      void fetch(`${api.url}${request.url}`, {
        method: request.method!,
        headers: request.headers as Record<string, string>,
        ...(request.method === "POST" && { body: Buffer.concat(parts) }),
      }).then(async (answer) => {
        if (requests === 2) return void response.destroy();
        const text = await answer.text();
        response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
      });
    });
  }).listen(0, "127.0.0.1");
  await once(between, "listening");
  onTestFinished(() => void between.close());
  const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`;

  const asked = ask(url, ["greet", '{"name": "Ada"}']);
  const claimed = await until("the run is there", async () => {
    const found = await api.claim();
    return found.runs.length > 0 && found;
  });
  await claimed.settle({ verdict: "complete", output: '"Hello Ada"' });
  expect(await asked).toEqual({ code: 0, stdout: '"Hello Ada"\n', stderr: "" });
  expect((await api.call("/api/v1/runs")).body.runs).toHaveLength(1);

  const wrong = await ask(api.url, ["greet", '{"name": 7}']);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toMatch(/^invalid_input at \/input\/name: .+ \(request [\w-]+\)\n$/);
});
