import type { AddressInfo, Server } from "node:net";
import { MillraceError } from "@millrace/core";
import type { Variable } from "../setting-variables.ts";

/** The part of a Fastify instance that is needed to listen. */
export interface Listening {
  listen(options: { host: string; port: number }): Promise<unknown>;
  readonly server: Server;
}

/**
 * @param variables what says where: host and port
 * @returns the address as a URL; with port 0 the one that was given
 * @throws MillraceError `address_in_use`; `invalid_setting` for one that this machine does not have or may not use
 */
export async function listen(
  app: Listening,
  { host, port }: { host: string; port: number },
  variables: readonly [host: Variable, port: Variable],
): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw explained(error, `${host}:${port}`, variables);
  }
  const shown = host.includes(":") ? `[${host}]` : host;
  return `http://${shown}:${(app.server.address() as AddressInfo).port}`;
}

/** An address at which this machine itself finds what listens on all of them. */
export function openable(address: string): string {
  return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

function explained(
  error: unknown,
  address: string,
  [host, port]: readonly [host: Variable, port: Variable],
): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    return new MillraceError(
      "address_in_use",
      `${address} is taken by another program; stop it, or set ${port} to a free port`,
      { cause: error },
    );
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new MillraceError(
      "invalid_setting",
      `${host}, ${port}: this machine does not let us listen on ${address} (${code})`,
      { cause: error },
    );
  }
  return error;
}
