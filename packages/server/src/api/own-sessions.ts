import { makeSecret, readSecretText } from "../security/one-time-secret.ts";

/** A link is for who reads it in the terminal now. */
const TICKET_MS = 10 * 60_000;
const SESSION_MS = 24 * 3_600_000;

/** More are not kept; the oldest go. */
const MOST = 20;

export interface BegunOwnSession {
  token: string;
  endsAt: Date;
}

/**
 * Sessions of who has the server's own key and no account: `npm start` shows whoever sits at its terminal a link into the dashboard. The link has
 * a ticket that works once, for ten minutes; it gives a browser a session with all rights, as the key has. Both are known to this
 * process alone, as digests, and are over when it ends. Only a server that listens on its own machine alone has them (`start-server.ts`).
 */
export class OwnSessions {
  /** By digest, until when. */
  readonly #tickets = new Map<string, number>();
  readonly #sessions = new Map<string, number>();

  /** @param now in milliseconds */
  makeTicket(now = Date.now()): { text: string; until: Date } {
    const { text, digest } = makeSecret();
    const until = now + TICKET_MS;
    keep(this.#tickets, digest, until);
    return { text, until: new Date(until) };
  }

  /** @returns undefined for a ticket that is used, over, or none */
  begin(ticket: string, now = Date.now()): BegunOwnSession | undefined {
    const digest = readSecretText(ticket)?.toString("base64");
    const until = digest === undefined ? undefined : this.#tickets.get(digest);
    if (digest === undefined || until === undefined) return undefined;
    this.#tickets.delete(digest);
    if (until <= now) return undefined;
    const session = makeSecret();
    keep(this.#sessions, session.digest, now + SESSION_MS);
    return { token: session.text, endsAt: new Date(now + SESSION_MS) };
  }

  has(token: string, now = Date.now()): boolean {
    const digest = readSecretText(token)?.toString("base64");
    const until = digest === undefined ? undefined : this.#sessions.get(digest);
    return until !== undefined && until > now;
  }

  end(token: string): void {
    const digest = readSecretText(token)?.toString("base64");
    if (digest !== undefined) this.#sessions.delete(digest);
  }
}

function keep(among: Map<string, number>, digest: Buffer, until: number): void {
  for (const oldest of among.keys()) {
    if (among.size < MOST) break;
    among.delete(oldest);
  }
  among.set(digest.toString("base64"), until);
}
