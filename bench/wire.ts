import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";

/** A call to a host and its answer: one JSON text a line, so that a host may be written in any language. */
export interface Call {
  id: number;
  method: string;
  params: unknown[];
}

export type Answer = { id: number; result: unknown } | { id: number; error: string };

/** Hosts find their end of the line at this file descriptor: their standard output belongs to the subject. */
export const WIRE_FD = 3;

/** @param listener given whatever the other side has sent */
export function onMessage(wire: Duplex, listener: (message: unknown) => void): void {
  createInterface({ input: wire, crlfDelay: Infinity })
    .on("line", (line) => listener(JSON.parse(line)))
    // It passes on those of the wire, which its owner hears of anyway.
    .on("error", () => {});
}

export function send(wire: Duplex, message: Call | Answer): void {
  wire.write(`${JSON.stringify(message)}\n`);
}
