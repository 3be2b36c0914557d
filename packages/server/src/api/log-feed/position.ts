import { MillraceError } from "@millrace/core";
import type { SnapshotRow } from "../../store/log-notes.ts";

/** What a position looks like. */
export const POSITION = /^[0-9a-z._]{5,8000}$/;

/**
 * Where a stream of lines is: a snapshot of PostgreSQL's, which says of each transaction whether it is seen, and when that was taken, by the database's clock. As
 * ids of events: short, since there may be many transactions under way.
 */
export function writePosition({ snapshot, now_ms: atMs }: SnapshotRow): string {
  const [min, max, running] = partsOf(snapshot);
  const digits = (number: bigint) => number.toString(36);
  const under = running.map((tx) => digits(tx - min)).join("_");
  return [digits(BigInt(atMs)), digits(min), digits(max - min), under].join(".");
}

/**
 * @param header the name of where it stands, for the error
 * @throws MillraceError `invalid_request` when it is none of ours
 */
export function readPosition(text: string, place: string): SnapshotRow {
  const refuse = () =>
    new MillraceError(
      "invalid_request",
      `${place} is no position of a stream of lines; leave it away to begin anew`,
    );
  const match =
    /^([0-9a-z]{1,9})\.([0-9a-z]{1,12})\.([0-9a-z]{1,12})\.((?:[0-9a-z]{1,12}(?:_|$))*)$/.exec(
      text,
    );
  if (!match || text.endsWith("_")) throw refuse();
  const [at, min, width] = match.slice(1, 4).map((digits) => number36(digits)) as [
    bigint,
    bigint,
    bigint,
  ];
  const running = match[4] === "" ? [] : match[4]!.split("_").map(number36);
  const sorted = running.every((tx, n) => tx < width && (n === 0 || tx > running[n - 1]!));
  const max = min + width;
  // As PostgreSQL will have it: it would refuse the look for all.
  if (!sorted || min === 0n || max >= 2n ** 63n || at >= 2n ** 47n) throw refuse();
  const snapshot = `${min}:${max}:${running.map((tx) => tx + min).join(",")}`;
  return { snapshot, now_ms: Number(at) };
}

/** Whether a snapshot has seen transactions that another one has not begun: it is of another database, or of the time before that was restored. */
export function isBeyond(since: string, now: string): boolean {
  return partsOf(since)[1] > partsOf(now)[1];
}

function partsOf(snapshot: string): [min: bigint, max: bigint, running: bigint[]] {
  const [min, max, running] = snapshot.split(":") as [string, string, string];
  return [BigInt(min), BigInt(max), running === "" ? [] : running.split(",").map(BigInt)];
}

function number36(digits: string): bigint {
  let number = 0n;
  for (const digit of digits) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  return number;
}
