import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Customer, customers } from "./source-data.ts";

/** How badly the source behaves; each rate is a share of the requests, from 0 to 1. */
export interface Faults {
  /** Answered 500. */
  errors: number;
  /** The connection is cut in the middle of an answer. */
  drops: number;
  /** Answered late, by `slowMs`. */
  slow: number;
  slowMs: number;
  /** Requests a second above which the answer is 429 with a `Retry-After`. */
  perSecond: number;
  /** What `Retry-After` says, in seconds. */
  retryAfter: number;
}

export const CALM: Faults = {
  errors: 0,
  drops: 0,
  slow: 0,
  slowMs: 0,
  perSecond: Infinity,
  retryAfter: 0,
};

export interface SourceOptions {
  /** 0 takes a free one. */
  port?: number;
  count?: number;
  faults?: Partial<Faults>;
  /** The clock of the rate limit, in milliseconds. */
  now?: () => number;
  /** Awaited before each answer. */
  beforeAnswer?: () => Promise<void> | void;
}

/** An HTTP API of customers, as the other side of a synchronisation: it has limits, and bad days. */
export interface Source {
  url: string;
  /** The customers as they are now. */
  customers: ReadonlyMap<number, Customer>;
  /** What it was asked, and how it answered. */
  counts: { requests: number; pages: number; limited: number; errors: number; drops: number };
  change(id: number, change: Partial<Omit<Customer, "id">>): void;
  remove(id: number): void;
  close(): Promise<void>;
}

/**
 * Starts the API on 127.0.0.1. `GET /customers?limit=100&after=CURSOR` answers
 * `{ "customers": [...], "cursor": "...", "more": true }`: in the order of their last change, so that a cursor kept from
 * yesterday yields what has changed since. A customer that was removed comes as `{ "id": 7, "removed": true }`.
 */
export async function startSource(options: SourceOptions = {}): Promise<Source> {
  const faults = { ...CALM, ...options.faults };
  const counts = { requests: 0, pages: 0, limited: 0, errors: 0, drops: 0 };
  const chance = seeded(7);
  const clock = options.now ?? Date.now;
  const live = new Map<number, Customer>();
  /** By id; inserted anew at each change, so that a Map's order is the order of changes. */
  const changes = new Map<number, { at: number; customer: Customer | undefined }>();
  let changed = 0;
  const put = (id: number, customer: Customer | undefined) => {
    changes.delete(id);
    changes.set(id, { at: ++changed, customer });
    if (customer) live.set(id, customer);
    else live.delete(id);
  };
  for (const customer of customers(options.count ?? 2500)) put(customer.id, customer);

  let second = 0;
  let inSecond = 0;
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    counts.requests++;
    const url = new URL(request.url ?? "/", "http://source");
    await options.beforeAnswer?.();
    if (url.pathname !== "/customers") return send(response, 404, { error: "not found" });

    const now = Math.floor(clock() / 1000);
    inSecond = now === second ? inSecond + 1 : 1;
    second = now;
    if (inSecond > faults.perSecond) {
      counts.limited++;
      response.setHeader("retry-after", String(faults.retryAfter));
      return send(response, 429, { error: "too many requests" });
    }
    if (chance() < faults.errors) {
      counts.errors++;
      return send(response, 500, { error: "internal error" });
    }
    const body = pageAfter(url.searchParams);
    if (!body) return send(response, 400, { error: "no such cursor or limit" });
    if (chance() < faults.drops) {
      counts.drops++;
      const text = JSON.stringify(body);
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": text.length,
      });
      response.write(text.slice(0, text.length / 2), () => response.destroy());
      return;
    }
    if (chance() < faults.slow) await new Promise((done) => setTimeout(done, faults.slowMs));
    counts.pages++;
    send(response, 200, body);
  }

  function pageAfter(query: URLSearchParams) {
    const after = Number(query.get("after") ?? "0");
    const limit = Number(query.get("limit") ?? "100");
    if (!Number.isInteger(after) || !(limit >= 1 && limit <= 500)) return undefined;
    const since = [...changes].filter(([, change]) => change.at > after);
    const page = since.slice(0, limit);
    return {
      customers: page.map(([id, { customer }]) => customer ?? { id, removed: true }),
      cursor: String(page.at(-1)?.[1].at ?? after),
      more: since.length > page.length,
    };
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/customers`,
    customers: live,
    counts,
    change(id, change) {
      const customer = live.get(id);
      if (!customer) throw new Error(`no customer ${id}`);
      put(id, { ...customer, ...change, updatedAt: new Date().toISOString() });
    },
    remove: (id) => put(id, undefined),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Numbers from 0 to 1 that look random and are the same each time: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
