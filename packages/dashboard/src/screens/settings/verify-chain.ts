import type { AuditHead, AuditPage } from "@millrace/core/api";
import { ask } from "../../data/ask.ts";

/** As many as one page has at the most. */
const PAGE = 1000;

/**
 * Follows the chain of the audit from its first entry to its last.
 *
 * @param onRead how far it is
 * @returns its head; a text says what is wrong with it
 * @throws Refused when entries cannot be read
 */
export async function verifyChain(onRead: (seq: number) => void): Promise<AuditHead | string> {
  let last: AuditHead = { seq: 0, hash: "00".repeat(32) };
  for (;;) {
    const path = `/api/v1/audit?order=oldest&limit=${PAGE}&cursor=${last.seq}`;
    const { entries, head } = (await ask<AuditPage>(path)).data!;
    if (!head) return "You are confined to projects: their entries alone are no chain";
    for (const { seq, entry, hash } of entries) {
      if (seq !== last.seq + 1) return `The audit is not whole: entry ${last.seq + 1} is gone`;
      if ((await hashOf(last.hash, entry)) !== hash) {
        return `The audit is not whole: entry ${seq} is not as it was written`;
      }
      last = { seq, hash };
    }
    onRead(last.seq);
    if (entries.length > 0) continue;
    if (last.seq < head.seq) return `The audit is not whole: its end was cut off at ${last.seq}`;
    if (head.seq !== last.seq || (head.seq > 0 && head.hash !== last.hash)) {
      return `The audit is not whole: entry ${last.seq} is not the one that was written last`;
    }
    return head;
  }
}

async function hashOf(before: string, entry: string): Promise<string> {
  const text = new TextEncoder().encode(entry);
  const bytes = new Uint8Array(32 + text.length);
  bytes.set(before.match(/../g)!.map((pair) => Number.parseInt(pair, 16)));
  bytes.set(text, 32);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
