import { lookup } from "node:dns/promises";
import { type LookupFunction, isIP } from "node:net";
import { MillraceError } from "@millrace/core";
import ipaddr from "ipaddr.js";
import { type AllowedHosts, plainName } from "./allowed-hosts.ts";

/** An answer of the DNS. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<Address[]>;

/** Of IPv6, only this is given out to anybody (RFC 4291, section 2.4, and IANA's registry). */
const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3");

/**
 * Keeps requests to URLs that others have written from the network that this process is in: only addresses that anybody on the internet
 * could have are connected to, and those that somebody has listed. What is checked is what is connected to: the name is resolved once, by the
 * connection itself, and not a second time that might be answered otherwise.
 */
export class OutboundGuard {
  readonly #allowed: AllowedHosts;
  readonly #resolve: Resolve;

  /** @param resolve how names become addresses; default as the system does it */
  constructor(allowed: AllowedHosts, resolve: Resolve = systemResolve) {
    this.#allowed = allowed;
    this.#resolve = resolve;
  }

  /**
   * All that can be told of a URL without asking for the addresses of its name. A listed host may be spoken to without TLS.
   *
   * @throws MillraceError `blocked_destination`
   */
  check(text: string): URL {
    if (!URL.canParse(text)) throw blocked("it is not a URL");
    const url = new URL(text);
    const listed = isWeb(url) && this.#allowed.names(url);
    if (url.protocol !== "https:" && !(url.protocol === "http:" && listed)) {
      throw blocked(
        isWeb(url)
          ? "http is for hosts of MILLRACE_ALLOWED_HOSTS alone; write https"
          : "it does not begin with https",
      );
    }
    if (url.username !== "" || url.password !== "") {
      throw blocked("there is a user or a password in it");
    }
    const name = plainName(url.hostname);
    if (isIP(name) !== 0 && !listed && !isPublic(name)) throw inner();
    return url;
  }

  /** Whether an operator has listed the host. */
  lists(url: URL): boolean {
    return this.#allowed.names(url);
  }

  /** How a connection to a checked URL finds its address: refused when one of the answers is not allowed. */
  lookupFor(url: URL): LookupFunction {
    const listed = this.#allowed.names(url);
    return (name, { all }, tell) => {
      const asked = this.#resolve(name).then((addresses) => {
        if (addresses.length === 0) throw new Error(`${name} has no address`);
        if (!listed && !addresses.every(({ address }) => this.#mayReach(address))) throw inner();
        return addresses;
      });
      asked.then(
        (addresses) => {
          if (all) tell(null, addresses);
          else tell(null, addresses[0]!.address, addresses[0]!.family);
        },
        (error: NodeJS.ErrnoException) => tell(error, []),
      );
    };
  }

  #mayReach(address: string): boolean {
    return isPublic(address) || this.#allowed.contain(address);
  }
}

function systemResolve(name: string): Promise<Address[]> {
  return lookup(name, { all: true });
}

/** Also of an IPv4 address that is written as one of IPv6. */
function isPublic(address: string): boolean {
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_UNICAST);
}

function isWeb({ protocol }: URL): boolean {
  return protocol === "https:" || protocol === "http:";
}

/** Which address it is, is not said: whoever wrote the URL shall not learn it here. */
function inner(): MillraceError {
  return blocked(
    "it leads to an address that is not public; an operator can list the host in MILLRACE_ALLOWED_HOSTS",
  );
}

function blocked(why: string): MillraceError {
  return new MillraceError("blocked_destination", `nothing is sent to this URL: ${why}`);
}
