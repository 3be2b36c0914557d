import { createServer } from "node:net";

/**
 * A TCP port of 127.0.0.1 that nothing listens on: by chance one of those that no system gives to who asks for any, so
 * that of all who run beside us only one that has this very luck may take it before the caller does.
 */
export async function freePort(): Promise<number> {
  const port = FIRST + Math.floor(Math.random() * (AFTER_LAST - FIRST));
  return (await isFree(port)) ? port : await freePort();
}

/** Above what servers are known by for the most part, and below the ephemeral ports of Linux (32768), macOS and Windows (49152). */
const FIRST = 10_000;
const AFTER_LAST = 32_768;

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return await new Promise((resolve, reject) => {
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(false);
      else reject(error);
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
