import { MillraceError } from "@millrace/core";
import { type AuditHead, AuditPage, MAX_AUDIT_PAGE } from "@millrace/core/api";
import { Command, InvalidArgumentError } from "commander";
import { AuditChain } from "../../security/audit-chain.ts";
import { type ApiClient, apiClient } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmlessJson } from "../output/harmless.ts";
import { jsonOption } from "./options.ts";

const HELP = `
It reads every entry and adds up the hashes itself. Keep the head that it prints elsewhere, and give it the next time: whoever can
write to the database can make a new chain that is whole, but not one with an old head in it.`;

interface Options {
  head?: AuditHead;
  json?: boolean;
}

export function auditVerifyCommand(cli: Cli): Command {
  return new Command("verify")
    .description("see that no entry was changed, removed, or put in another place")
    .option("--head <n:hash>", "the head that was printed, or logged, at an earlier time", headOf)
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(cli.action((options: Options) => verify(cli, options)));
}

async function verify(cli: Cli, { head: earlier, json }: Options): Promise<number> {
  const { seq, hash } = await follow(apiClient(cli), earlier);
  if (json) {
    cli.out.line(harmlessJson({ v: 1, whole: true, seq, hash }));
    return EXIT.done;
  }
  const known = earlier ? `, and entry ${earlier.seq} is the one of the head that was given` : "";
  cli.out.line(`The chain of ${seq} ${seq === 1 ? "entry" : "entries"} is whole${known}.`);
  cli.out.line(`Head: ${seq}:${hash}`);
  return EXIT.done;
}

/**
 * Follows the chain to its end.
 *
 * @throws MillraceError `audit_broken`
 */
async function follow(api: ApiClient, earlier: AuditHead | undefined): Promise<AuditHead> {
  const chain = new AuditChain();
  for (;;) {
    const { seq: cursor } = chain.head;
    const query = { order: "oldest", cursor, limit: MAX_AUDIT_PAGE };
    // The server reads the head before the entries: so it is never one that comes after them.
    const { entries, head } = await api.get("audit", AuditPage, query);
    if (!head) throw confined();
    for (const entry of entries) {
      const trouble = chain.add(entry);
      if (trouble !== undefined) throw broken(trouble);
      if (entry.seq === earlier?.seq && entry.hash !== earlier.hash) {
        throw broken(`entry ${entry.seq} is another than the one of the head that was given`);
      }
    }
    if (entries.length > 0) continue;
    requireEnd(chain.head, head, earlier);
    return head;
  }
}

function confined(): MillraceError {
  return new MillraceError(
    "forbidden",
    "the chain is of the whole installation, and this caller is confined to projects: their entries alone are no chain; it takes a key that is not confined",
  );
}

function requireEnd(last: AuditHead, head: AuditHead, earlier: AuditHead | undefined): void {
  const end = Math.max(head.seq, earlier?.seq ?? 0);
  if (last.seq < end)
    throw broken(`its end was cut off: entries ${last.seq + 1} to ${end} are gone`);
  if (last.seq !== head.seq || last.hash !== head.hash) {
    throw broken(`its last entry, ${last.seq}, is not the one that was written last`);
  }
}

function broken(what: string): MillraceError {
  return new MillraceError("audit_broken", `the audit is not whole: ${what}`);
}

/** For commander: `<n>:<hash>`, as this command prints it. */
function headOf(text: string): AuditHead {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new InvalidArgumentError("Write the number of an entry, a colon, and its hash.");
}
