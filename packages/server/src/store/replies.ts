import type { PrunedRow } from "./prune-gone.ts";
import { statement } from "./statement.ts";

/** What a request was answered. */
export interface ReplyRow {
  /** Whether the key is this transaction's; else it was another's, whose answer this is. */
  claimed: boolean;
  fingerprint: Buffer;
  status: number;
  location: string | null;
  /** Null for an answer that is not kept. */
  body: string | null;
  /** What was made, where the answer is not kept. */
  made: string | null;
}

/** Claims a key until the end of the transaction, or answers what was kept under it. Waits two seconds for who holds it. */
export const claimReply = statement<
  [route: string, caller: string, key: string, fingerprint: Buffer],
  ReplyRow
>("claim_reply", `select * from millrace.claim_reply($1, $2, $3, $4)`);

/** Of a key that this transaction has claimed. */
export const keepReply = statement<
  [
    route: string,
    caller: string,
    key: string,
    status: number,
    location: string | null,
    body: string | null,
    made: string | null,
  ],
  never
>(
  "keep_reply",
  `update millrace.reply set status = $4, location = $5, body = $6, made = $7
   where route = $1 and caller = $2 and key = $3`,
);

/** For so long an answer is kept at the least: whoever repeats a request does it sooner. */
export const REPLIES_KEPT_MS = 24 * 3_600_000;

/** Forgets answers that were given longer ago than so many milliseconds, the oldest first. */
export const pruneReplies = statement<[keepMs: number, limit: number], PrunedRow>(
  "prune_replies",
  `with gone as (
      delete from millrace.reply where (route, caller, key) in (
        select route, caller, key from millrace.reply
        where at < (select clock_timestamp() - $1::float8 * interval '1 millisecond') order by at limit $2
        for update skip locked
      ) returning 1
    )
    select count(*)::int as pruned, case when count(*) = $2 then 'more' end as last from gone`,
);
