/**
 * Preloaded (`node --import`) into a process under test, and with it into its threads: at every failpoint the thread says
 * so on its pipe, and waits, with all that it does, until it is let go on. Descriptor 3 is the main thread's, 4 that of
 * the others; what is read from it is worth nothing, its end lets everything go on for ever.
 */
import { readSync, writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { built } from "../../support/built.mjs";

const { onFailpoint } = await built("runtime/failpoints");
const pipe = isMainThread ? 3 : 4;
const answer = Buffer.alloc(1);

onFailpoint((point) => {
  try {
    writeSync(pipe, `${point}\n`);
    if (readSync(pipe, answer) > 0) return;
  } catch (error) {
    if (error.code !== "EPIPE" && error.code !== "ECONNRESET") throw error;
  }
  onFailpoint(undefined);
});
