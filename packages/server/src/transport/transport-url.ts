import { isLoopback } from "../runtime/loopback.ts";

/** Where a transport is, read from its URL. Only the adapter sees user and password. */
export type TransportPlace =
  | { readonly kind: "postgres" }
  | (ServerPlace & { readonly kind: "redis"; readonly database: number })
  | (ServerPlace & { readonly kind: "rabbitmq"; readonly vhost: string })
  | SqsPlace;

export interface ServerPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  /** Begins the names of all that is ours there. */
  readonly prefix: string;
}

export interface SqsPlace {
  readonly kind: "sqs";
  readonly region: string;
  /** Another server than that of the region. */
  readonly endpoint: string | undefined;
  readonly prefix: string;
  readonly fifo: boolean;
}

const SCHEMES = ["redis:", "rediss:", "amqp:", "amqps:", "sqs:"];

const PREFIX = /^[a-z0-9][a-z0-9_-]{0,30}$/i;

/**
 * Reads `postgres`, `redis://user:password@host:6379/0`, `rediss://…`, `amqp://user:password@host:5672/vhost`,
 * `amqps://…` or `sqs://region/prefix`.
 *
 * @throws Error that says what is wrong with it, without a word of it: it may be secret
 */
export function readTransportUrl(text: string): TransportPlace {
  if (text === "postgres") return { kind: "postgres" };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !SCHEMES.includes(url.protocol) || !url.hostname) {
    throw new Error("write postgres, or a redis://, rediss://, amqp://, amqps:// or sqs:// URL");
  }
  if (url.hash) throw new Error("a URL with # in it: write %23 for one in a password");
  if (url.protocol === "sqs:") return sqsPlace(url);
  const given = options(url, ["prefix", "tls"]);
  const server = {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    user: decoded(url.username),
    password: decoded(url.password),
    tls: url.protocol === "rediss:" || url.protocol === "amqps:",
    prefix: given["prefix"] ?? "millrace",
  };
  requireTls(server, given["tls"]);
  const path = decoded(url.pathname.slice(1)) ?? "";
  requirePrefix(server.prefix);
  if (url.protocol.startsWith("redis")) {
    if (!/^\d{0,3}$/.test(path)) throw new Error("the path of a redis URL is a number: /0");
    return { ...server, kind: "redis", port: Number(url.port || 6379), database: Number(path) };
  }
  const port = Number(url.port || (server.tls ? 5671 : 5672));
  return { ...server, kind: "rabbitmq", port, vhost: path || "/" };
}

/** A password that crosses a network in the clear is somebody's decision, and not what a URL happens to begin with. */
function requireTls(
  { tls, host }: { tls: boolean; host: string },
  option: string | undefined,
): void {
  if (option !== undefined && (option !== "off" || tls)) {
    throw new Error("tls: the one thing to say is tls=off, in a redis:// or amqp:// URL");
  }
  if (tls || option === "off" || isLoopback(host)) return;
  throw new Error(
    "another machine is spoken to by TLS: write rediss:// or amqps://, or ?tls=off for a network on which nobody listens",
  );
}

/** Whether what is said there can be read on the way: the scheme asks for no TLS, and the server is another machine. */
export function inTheClear(place: TransportPlace): boolean {
  return "tls" in place && !place.tls && !isLoopback(place.host);
}

function sqsPlace(url: URL): SqsPlace {
  if (url.username || url.password || url.port) {
    throw new Error(
      "an sqs URL is sqs://region/prefix; credentials come from where the AWS client looks for them",
    );
  }
  const { endpoint } = options(url, ["endpoint"]);
  const at = endpoint === undefined ? undefined : new URL(checkedUrl(endpoint));
  if (at?.protocol === "http:" && !isLoopback(at.hostname)) {
    throw new Error("endpoint: http:// is for this machine alone; write https://");
  }
  const name = url.pathname.slice(1);
  const fifo = name.endsWith(".fifo");
  const prefix = fifo ? name.slice(0, -".fifo".length) : name || "millrace";
  requirePrefix(prefix);
  return { kind: "sqs", region: url.hostname, endpoint, prefix, fifo };
}

function checkedUrl(text: string): string {
  const valid = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!valid) throw new Error("endpoint: write an https:// URL");
  return text;
}

/** What is set twice, or is no option, is refused: options of clients, such as one that checks no certificate, too. */
function options(url: URL, known: readonly string[]): Record<string, string | undefined> {
  const given = [...url.searchParams];
  for (const [name] of given) {
    const times = given.filter(([other]) => other === name).length;
    if (!known.includes(name) || times > 1) {
      throw new Error(`the options of this URL are ${known.join(", ")}, once each`);
    }
  }
  return Object.fromEntries(given);
}

function requirePrefix(prefix: string): void {
  if (!PREFIX.test(prefix)) {
    throw new Error("prefix: write up to 31 letters, digits, _ and -");
  }
}

function decoded(part: string): string | undefined {
  if (part === "") return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error("a % in it that is none of an escape: write %25");
  }
}
