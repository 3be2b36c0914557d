import { NonRetryableError } from "@millrace/sdk";

const LOOPBACK = "127.0.0.1,localhost,[::1]";

/**
 * The source's address, if the operator allows it: whoever may enqueue a run must not reach every host that this machine
 * reaches. `SYNC_ALLOWED_HOSTS` lists hosts by comma, each with or without a port; by default the machine itself.
 *
 * @throws NonRetryableError for any other, and for an address that could hold a secret, because it is stored
 */
export function allowedUrl(text: string): URL {
  if (!URL.canParse(text)) throw new NonRetryableError("url: not a URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new NonRetryableError(`url: ${url.protocol} is not http: or https:`);
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new NonRetryableError(
      "url: give it without user, query and fragment; a token goes into SYNC_TOKEN",
    );
  }
  const allowed = (process.env.SYNC_ALLOWED_HOSTS ?? LOOPBACK)
    .split(",")
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== "");
  // `host` has the port in it when it is not the usual one of the protocol, `hostname` never.
  if (allowed.includes(url.host) || allowed.includes(url.hostname)) return url;
  throw new NonRetryableError(
    `url: the host ${url.host} is not allowed; SYNC_ALLOWED_HOSTS names ${allowed.join(", ") || "none"}`,
  );
}
