import { createServer, type AddressInfo } from "node:net";

/**
 * A TCP port of 127.0.0.1 that nothing listens on. Somebody else may take it before you do: a caller that starts a
 * server on it should be ready to ask again.
 */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => {
    probe.close(resolve);
  });
  return port;
}
