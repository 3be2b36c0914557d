import { isIPv6 } from "node:net";

/** Of IPv6, what one household or machine is given: whoever has one address has all of it. */
const GROUPS_OF_A_NETWORK = 4;

/**
 * What an address counts as where guesses from it are counted: itself, or for IPv6 its first 64 bits.
 *
 * @param address as the socket or a proxy has it; an IPv4 address in the form of IPv6 is the IPv4 address
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [plain = ""] = address.split("%", 1);
  if (!isIPv6(plain)) return address;
  // As a URL has it: in small letters, without leading zeros, one run of zeros left out.
  const [head = "", tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split("::");
  const before = head.split(":").filter(Boolean);
  const after = (tail ?? "").split(":").filter(Boolean);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return `${groups.slice(0, GROUPS_OF_A_NETWORK).join(":")}::/64`;
}
