import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

interface Booked {
  id: string;
  order: string;
  cents: number;
  state: "open" | "void";
}

/** What was done at the services, in its order. */
export interface Books {
  charges: Booked[];
  refunds: Booked[];
  parcels: string[];
}

/** A payment service and a carrier, as the other side of an order. */
export interface Services {
  url: string;
  books(): Books;
  /** The answer to the next request that books something is lost: it is booked, and the connection is cut. */
  loseAnswer(): void;
  /** The next request is answered 429, and nothing is done. */
  beBusy(): void;
  reset(): void;
  close(): Promise<void>;
}

/** Where the carrier goes. */
const COUNTRIES = ["PT", "ES", "FR", "DE", "IE", "PL"];
/** What a card is good for, in cents. */
const LIMIT = 200_000;

/**
 * Starts both on 127.0.0.1. `POST /charges` and `/refunds` with `{ order, cents }` and an `Idempotency-Key`, `GET /charges?key=…`,
 * `POST /charges/{id}/void`, `PUT /parcels/{order}` with `{ to, country }`.
 *
 * @param port 0 takes a free one
 * @param lost which share of the answers is lost after the work is done, from 0 to 1
 */
export async function startServices({ port = 0, lost = 0 } = {}): Promise<Services> {
  const payments = { charges: new Map<string, Booked>(), refunds: new Map<string, Booked>() };
  const parcels = new Set<string>();
  let losing = false;
  let busy = false;

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://services");
    const [, kind = "", id = "", act] = url.pathname.split("/");
    const asked = `${request.method} /${kind}${act ? `/${act}` : ""}`;
    const body = (request.method === "GET" ? {} : await json(request).catch(() => ({}))) as {
      order?: string;
      cents?: number;
      country?: string;
    };
    const [status, said]: [number, unknown] = busy
      ? [429, { error: "too many requests" }]
      : reply(asked, kind, id, url.searchParams.get("key"), body, request);
    busy = false;
    if (request.method !== "GET" && status < 300 && (losing || Math.random() < lost)) {
      losing = false;
      response.destroy();
      return;
    }
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(said));
  }

  function reply(
    asked: string,
    kind: string,
    id: string,
    key: string | null,
    body: { order?: string; cents?: number; country?: string },
    { headers }: IncomingMessage,
  ): [status: number, said: unknown] {
    if (asked === "PUT /parcels") {
      const served = COUNTRIES.includes(body.country ?? "");
      if (!served) return [422, { error: `no parcels to ${body.country}` }];
      parcels.add(id);
      return [200, { tracking: `T${id}` }];
    }
    if (kind !== "charges" && kind !== "refunds") return [404, {}];
    const booked = payments[kind];
    if (asked === "POST /charges/void") {
      const charge = [...booked.values()].find((each) => each.id === id);
      if (!charge) return [404, {}];
      charge.state = "void";
      return [200, charge];
    }
    const found = booked.get(String(key ?? headers["idempotency-key"]));
    if (found) return [200, found];
    if (asked !== "POST /charges" && asked !== "POST /refunds") return [404, {}];
    const { order = "", cents = 0 } = body;
    const charges = [...payments.charges.values()].filter(
      (each) => each.order === order && each.state === "open",
    );
    const given = [...payments.refunds.values()].some((each) => each.order === order);
    if (kind === "refunds" && (charges.length === 0 || given)) {
      return [422, { error: `there is nothing to give back for order ${order}` }];
    }
    if (cents > LIMIT) return [402, { error: "the card is declined" }];
    const made: Booked = {
      id: `${kind === "charges" ? "ch" : "re"}_${booked.size + 1}`,
      order,
      cents,
      state: "open",
    };
    booked.set(String(headers["idempotency-key"]), made);
    return [200, made];
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    books: () => ({
      charges: [...payments.charges.values()].map((each) => ({ ...each })),
      refunds: [...payments.refunds.values()].map((each) => ({ ...each })),
      parcels: [...parcels],
    }),
    loseAnswer: () => void (losing = true),
    beBusy: () => void (busy = true),
    reset: () => {
      payments.charges.clear();
      payments.refunds.clear();
      parcels.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
