import { MillraceError } from "@millrace/core";
import type { OutboundGuard } from "@millrace/sdk/http";

/** A server that takes e-mail, as a checked address says it. */
export interface MailServer {
  /** Its name, for its certificate, or an address without brackets. */
  readonly name: string;
  readonly port: number;
  /** From the first byte on; else TLS is begun before anything is told. */
  readonly tls: boolean;
  /** Whether it may go without TLS: an operator has listed it. */
  readonly plain: boolean;
  /** How the guard knows it. */
  readonly url: URL;
}

/**
 * Reads where e-mail is taken to, and holds it to what other URLs are held to.
 *
 * @param text such as `smtps://mail.example.com`, `smtp://mail.example.com:587`
 * @throws MillraceError `invalid_request`, `blocked_destination`
 */
export function mailServer(guard: OutboundGuard, text: string): MailServer {
  const [, scheme, host, written] =
    /^(smtps?):\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:@?#[\]\\]+)(?::(\d{1,5}))?\/?$/.exec(text) ?? [];
  if (scheme === undefined || host === undefined || !URL.canParse(`https://${host}/`)) {
    throw new MillraceError(
      "invalid_request",
      "write smtps:// or smtp://, the host, and its port if it is not 465 or 587, such as smtps://mail.example.com; the user is told apart",
    );
  }
  const port = Number(written ?? (scheme === "smtps" ? 465 : 587));
  const url = guard.check(`https://${host}:${port}/`);
  return {
    name: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    tls: scheme === "smtps",
    plain: scheme === "smtp" && guard.lists(url),
    url,
  };
}
