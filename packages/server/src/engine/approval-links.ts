import { createHash, randomBytes } from "node:crypto";
import { TokenSigner } from "../security/signed-token.ts";
import { readLinkSecret } from "../store/approvals.ts";
import type { Queryable } from "../store/statement.ts";

const VERSION = 1;

const RUN_BYTES = 16;
const PART_BYTES = 16;

/** Version, run, ordinal, end, secret part; the name follows. */
const HEAD_BYTES = 1 + RUN_BYTES + 4 + 6 + PART_BYTES;

/** What a link is for. */
export interface LinkPlace {
  readonly runId: string;
  readonly name: string;
  readonly ordinal: number;
  /** When the time of the approval is over. */
  readonly until: Date;
}

/** A link that we have made. */
export interface OpenedLink extends LinkPlace {
  /** The SHA-256 of its secret part, by which it is known whether it may answer. */
  readonly digest: Buffer;
}

/**
 * The tokens in links to approvals. A token names one approval and its end, and is signed: so what we have not made is told from the rest
 * without asking for it, and whose link it is may still be told how it ended when the approval stands no more. Besides it has a random part of
 * which the database keeps the digest alone: so a copy of the database, in which the key of the signatures is, makes no link that answers.
 */
export class ApprovalLinks {
  readonly #db: Queryable;
  #signer: Promise<TokenSigner> | undefined;

  constructor(db: Queryable) {
    this.#db = db;
  }

  async sign({ runId, name, ordinal, until }: LinkPlace, part: Buffer): Promise<string> {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(VERSION, 0);
    head.write(runId.replaceAll("-", ""), 1, "hex");
    head.writeUInt32BE(ordinal, 1 + RUN_BYTES);
    head.writeUIntBE(until.getTime(), 1 + RUN_BYTES + 4, 6);
    part.copy(head, HEAD_BYTES - PART_BYTES);
    return (await this.#signerOf()).sign(Buffer.concat([head, Buffer.from(name)]));
  }

  /** @returns undefined for what we have not made */
  async open(token: string): Promise<OpenedLink | undefined> {
    const bytes = (await this.#signerOf()).open(token);
    if (!bytes || bytes.length <= HEAD_BYTES || bytes.readUInt8(0) !== VERSION) return undefined;
    const part = bytes.subarray(HEAD_BYTES - PART_BYTES, HEAD_BYTES);
    return {
      runId: bytes
        .toString("hex", 1, 1 + RUN_BYTES)
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
      ordinal: bytes.readUInt32BE(1 + RUN_BYTES),
      until: new Date(bytes.readUIntBE(1 + RUN_BYTES + 4, 6)),
      digest: digestOf(part),
      name: bytes.toString("utf8", HEAD_BYTES),
    };
  }

  /** Read once in the life of the process. */
  #signerOf(): Promise<TokenSigner> {
    this.#signer ??= readSigner(this.#db).catch((error: unknown) => {
      this.#signer = undefined;
      throw error;
    });
    return this.#signer;
  }
}

async function readSigner(db: Queryable): Promise<TokenSigner> {
  const [row] = await readLinkSecret(db);
  if (!row) throw new Error("millrace.link_secret has no row: write one with 32 random bytes");
  return new TokenSigner(row.secret, "millrace approval link");
}

/** The part of a link that is nowhere on record, and its digest, which is. */
export function newLinkPart(): { part: Buffer; digest: Buffer } {
  const part = randomBytes(PART_BYTES);
  return { part, digest: digestOf(part) };
}

function digestOf(part: Buffer): Buffer {
  return createHash("sha256").update(part).digest();
}
