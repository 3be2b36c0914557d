import { isIP } from "node:net";
import { PERSON_ROLES, type PersonRole, durationMs, retentionMs } from "@millrace/core";
import { z } from "zod";
import { isLoopback } from "../runtime/loopback.ts";
import { databaseTls } from "../security/database-tls.ts";

// What the texts of variables look like, and what is said of one that does not.

/** A list with commas, as options and variables write it. */
function splitList(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

export function postgresUrl() {
  return z
    .string()
    .refine(
      (text) => isUrlOf(text, ["postgres:", "postgresql:"]),
      "write postgres://user:password@host:5432/database",
    )
    .superRefine((text, context) => {
      try {
        if (URL.canParse(text)) databaseTls(text);
      } catch (error) {
        context.addIssue((error as Error).message);
      }
    });
}

export function address() {
  return z
    .string()
    .regex(/^[\w.:%-]+$/, "write an address of this machine, such as 127.0.0.1 or 0.0.0.0");
}

export function port() {
  return whole(0, 65_535, "0 takes any free port");
}

export function whole(min: number, max: number, more?: string) {
  const message = `write a whole number from ${min} to ${max}${more ? ` (${more})` : ""}`;
  return z
    .string()
    .regex(/^\d{1,6}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

export function share() {
  const message = "write a number from 0 to 1, such as 0.25";
  return z
    .string()
    .regex(/^(0|1|0?\.\d{1,6}|0\.0|1\.0)$/, message)
    .transform(Number);
}

/** How long something is kept: Infinity for ever. */
export function retention(name: string) {
  return z.string().transform((text, context) => {
    try {
      return retentionMs(text, name);
    } catch {
      context.addIssue('write "forever", or a duration of 1h at the least, such as 90d');
      return z.NEVER;
    }
  });
}

export function duration(name: string, minMs: number, maxMs: number, range: string) {
  return z.string().transform((text, context) => {
    const ms = tryDuration(text, name);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.addIssue(`write a duration of ${range}, such as 20s`);
    return z.NEVER;
  });
}

export function list() {
  return z.string().transform(splitList);
}

function tryDuration(text: string, name: string): number | undefined {
  try {
    return durationMs(text, name);
  } catch {
    return undefined;
  }
}

/** An address, or a network as address/bits. */
export function isNetwork(text: string): boolean {
  const [, address = "", bits] = /^([\da-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128);
}

/** Whose word is taken for who somebody is: nobody between may change it. */
export function isIssuer(url: URL): boolean {
  return isPlain(url) && (url.protocol === "https:" || isLoopback(url.hostname));
}

export function readRoles(items: readonly string[]): Map<string, PersonRole> | undefined {
  const pairs = items.map((item) => /^(.+)=(\w+)$/.exec(item)?.slice(1) ?? []);
  const known = pairs.every(([, role]) => (PERSON_ROLES as readonly unknown[]).includes(role));
  return known ? new Map(pairs as [string, PersonRole][]) : undefined;
}

/** To which a path may be added. */
export function isPlain({ username, password, search, hash, href }: URL): boolean {
  return username + password + search + hash === "" && !/[?#]$/.test(href);
}

export function isUrlOf(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}
