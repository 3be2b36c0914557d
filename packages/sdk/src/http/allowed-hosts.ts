import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Range = ReturnType<typeof ipaddr.parseCIDR>;

interface Host {
  readonly name: string;
  /** Undefined for any. */
  readonly port: string | undefined;
}

/** Where requests may be sent though nobody on the internet could be there: hosts, with or without a port, and ranges of addresses. */
export class AllowedHosts {
  readonly #hosts: Host[] = [];
  readonly #ranges: Range[] = [];

  /**
   * @param items such as `crm.internal`, `crm.internal:8443`, `[fd00::1]:80`, `10.20.0.0/16`
   * @throws Error that names the item which is none of these
   */
  constructor(items: readonly string[]) {
    for (const item of items) {
      if (item.includes("/")) this.#ranges.push(readRange(item));
      else this.#hosts.push(readHost(item));
    }
  }

  /** Whether somebody has listed this very host, or the address that it is. */
  names({ hostname, port, protocol }: URL): boolean {
    const name = plainName(hostname);
    const asked = port || (protocol === "https:" ? "443" : "80");
    if (isIP(name) !== 0 && this.contain(name)) return true;
    return this.#hosts.some(
      (host) => host.name === name && (host.port === undefined || host.port === asked),
    );
  }

  /** Whether it is in one of the ranges. */
  contain(address: string): boolean {
    const parsed = ipaddr.process(address);
    return this.#ranges.some((range) => range[0].kind() === parsed.kind() && parsed.match(range));
  }
}

/** A host of a URL without the brackets of an address, and without the dot that says that a name is whole. */
export function plainName(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

function readRange(item: string): Range {
  try {
    return ipaddr.parseCIDR(item);
  } catch {
    throw wrong(item);
  }
}

function readHost(item: string): Host {
  const [, host, port] = /^(\[[^\]]*\]|[^:[\]@?#\\*]+)(?::(\d{1,5}))?$/.exec(item) ?? [];
  const url = `http://${host}/`;
  if (host === undefined || Number(port ?? 1) > 65_535 || !URL.canParse(url)) throw wrong(item);
  return { name: plainName(new URL(url).hostname), port: port && String(Number(port)) };
}

function wrong(item: string): Error {
  return new Error(
    `${JSON.stringify(item)} is neither a host, such as crm.internal or crm.internal:8443, nor a range of addresses, such as 10.20.0.0/16`,
  );
}
