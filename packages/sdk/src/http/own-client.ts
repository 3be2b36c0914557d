import { MillraceError } from "@millrace/core";
import { AllowedHosts } from "./allowed-hosts.ts";
import { HttpClient } from "./http-client.ts";
import { OutboundGuard } from "./outbound-guard.ts";

let client: HttpClient | undefined;

/** For handlers that are called without a worker: one for the whole process. */
export function ownClient(): HttpClient {
  return (client ??= new HttpClient({ guard: new OutboundGuard(allowedHere()) }));
}

/** @throws MillraceError `invalid_setting` that names the item which is neither a host nor a range */
function allowedHere(): AllowedHosts {
  // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- in its users' processes nobody else would
  const items = (process.env["MILLRACE_ALLOWED_HOSTS"] ?? "").split(",");
  try {
    return new AllowedHosts(items.map((item) => item.trim()).filter((item) => item !== ""));
  } catch (error) {
    throw new MillraceError(
      "invalid_setting",
      `MILLRACE_ALLOWED_HOSTS: ${(error as Error).message}`,
    );
  }
}
