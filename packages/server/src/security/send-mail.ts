import { isIP } from "node:net";
import { type OutboundGuard, timeLimit } from "@millrace/sdk/http";
import type { MailServer } from "./mail-server.ts";

/** A server that lets one wait at every turn is left after so many of the longest waits. */
const MOST_WAITS = 3;

/** One mail, of nothing but text. */
export interface OutgoingMail {
  /** The same in every attempt: in its Message-ID, by which programs for mail tell that they have it. */
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/**
 * Hands a mail to a server, on a connection of its own. The address of its name is looked up once, and checked, and connected to. A user is told only
 * under TLS, and so is the mail, but where an operator has listed the server. The library is loaded with the first mail.
 *
 * @param timeoutMs for each wait for the server
 * @throws Error when it was not taken; MillraceError `blocked_destination` before a byte has left
 */
export async function sendMail(
  guard: OutboundGuard,
  { name, port, tls, plain, url }: MailServer,
  {
    mail: { id, from, to, subject, text },
    login,
    timeoutMs,
    signal,
  }: {
    mail: OutgoingMail;
    login: { user: string; pass: string } | undefined;
    timeoutMs: number;
    signal: AbortSignal;
  },
): Promise<void> {
  const { createTransport } = await import("nodemailer");
  const host = isIP(name) === 0 ? await addressOf(guard, url, name) : name;
  const transport = createTransport({
    ...{ host, port, secure: tls, requireTLS: !tls && !plain },
    ...(login && { auth: login }),
    tls: { ...(isIP(name) === 0 && { servername: name }), minVersion: "TLSv1.2" },
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
    ...{ disableFileAccess: true, disableUrlAccess: true, logger: false },
  });
  const sent = transport.sendMail({
    ...{ from, to: [...to], subject, text },
    messageId: `<${id}@${from.split("@").at(-1)}>`,
    headers: { "Auto-Submitted": "auto-generated" },
  });
  const limit = timeLimit(MOST_WAITS * timeoutMs, signal);
  try {
    await Promise.race([
      sent,
      aborted(
        limit.signal,
        `the server had not taken it within ${(MOST_WAITS * timeoutMs) / 1000} s`,
      ),
    ]);
  } finally {
    limit.clear();
    sent.catch(() => {});
    transport.close();
  }
}

function aborted(signal: AbortSignal, words: string): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new Error(words));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

function addressOf(guard: OutboundGuard, url: URL, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    guard.lookupFor(url)(name, { all: false }, (error, address) => {
      if (error) reject(error);
      else resolve(address as string);
    });
  });
}
