import { isLoopback } from "../../runtime/loopback.ts";

/** Whether it is an address that paths may be added to, and to which a credential may be sent: by TLS, or on this machine. */
export function isManagerUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || /[/?#]$/.test(text)) return false;
  const { protocol, hostname, username, password, search, hash } = url;
  if (username + password + search + hash !== "") return false;
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}
