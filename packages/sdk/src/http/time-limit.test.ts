import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { timeLimit } from "./time-limit.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a request to who never answers ends with its time, also after the garbage was collected", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const collecting = setInterval(collectGarbage, 20);
  onTestFinished(() => {
    clearInterval(collecting);
    silent.closeAllConnections();
    silent.close();
  });
  const ask = () =>
    fetch(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, {
      signal: timeLimit(300, new AbortController().signal).signal,
    });
  await expect(ask()).rejects.toThrow(expect.objectContaining({ name: "TimeoutError" }));
});

test("the other signal ends it with its reason", () => {
  const other = new AbortController();
  const { signal, clear } = timeLimit(60_000, other.signal);
  other.abort(new Error("enough"));
  clear();
  expect(signal.reason).toEqual(new Error("enough"));
});
