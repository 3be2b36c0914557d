import { type KeyObject, createHmac, createSecretKey, randomUUID } from "node:crypto";
import { MillraceError, subjectIn } from "@millrace/core";
import { Batcher } from "../../runtime/batcher.ts";
import { newWrappedKey, openKey } from "../../security/envelope.ts";
import type { KeyRing, SecretKeys } from "../../security/key-ring.ts";
import { sealContent, sealedInputText } from "../../security/sealed-content.ts";
import type { Queryable } from "../../store/statement.ts";
import {
  type SubjectRow,
  findSubjects,
  makeSubjects,
  putNameKey,
  readNameKey,
  readSubjectJobs,
  readSubjects,
} from "../../store/subjects.ts";

/** So long a key is held, and a job's declaration believed, without another look. */
const FRESH_MS = 5000;

const MAX_BATCH = 500;

/** What is known of the key of a subject: it is gone, or was never here, or no key of this process opens it. */
export type SubjectKey = KeyObject | "erased" | "unknown" | "locked";

/** A subject that is not erased. */
export interface NamedSubject {
  readonly id: string;
  readonly key: KeyObject;
}

/** By job; null for one that had a subject once. */
type Paths = ReadonlyMap<string, readonly string[] | null>;

/** For the envelopes of the keys; names of secrets look otherwise. */
export const NAME_KEY_PLACE = { name: "subject names", version: 1 };
export const keyPlace = (id: string) => ({ name: `subject ${id}`, version: 1 });

/** A process that was given no keys: it knows which jobs have a subject, and can encrypt nothing. */
export const NO_KEYS: SecretKeys = {
  words: "this process",
  read: () => undefined,
  make: () => {
    throw new MillraceError(
      "secret_key_missing",
      "there is no key to encrypt the subjects of runs under; set MILLRACE_SECRET_KEYS, the same for all servers and workers: openssl rand -base64 32 makes one",
    );
  },
};

/** The subjects that runs are about, and their keys, each held for a short while. */
export class Subjects {
  readonly #db: Queryable;
  readonly #keys: SecretKeys;
  readonly #held = new Map<string, { key: SubjectKey; until: number }>();
  readonly #named = new Map<string, { subject: NamedSubject; until: number }>();
  readonly #read: Batcher<string, SubjectKey>;
  readonly #find: Batcher<Buffer, NamedSubject | MillraceError>;
  #nameKey: KeyObject | undefined;
  #forgetting: NodeJS.Timeout | undefined;
  #paths: { all: Promise<Paths>; until: number } | undefined;

  constructor(db: Queryable, keys: SecretKeys = NO_KEYS) {
    this.#db = db;
    this.#keys = keys;
    this.#read = new Batcher((ids) => this.#readAll(this.#db, ids), MAX_BATCH);
    this.#find = new Batcher((hashes) => this.#findAll(this.#db, hashes), MAX_BATCH);
  }

  /** Where the name of its subject lies in the input of a job that others have registered; undefined for one that has none. */
  async pathOf(job: string, db: Queryable = this.#db): Promise<readonly string[] | undefined> {
    return (await this.#allPaths(db)).get(job) ?? undefined;
  }

  /** Whether a job has a subject, or had one once: the inputs of no other are opened, whatever they look like. */
  async hasOrHad(job: string): Promise<boolean> {
    return (await this.#allPaths(this.#db)).has(job);
  }

  #allPaths(db: Queryable): Promise<Paths> {
    if (!this.#paths || performance.now() >= this.#paths.until) {
      const all = readSubjectJobs(db).then(
        (rows) => new Map(rows.map((row) => [row.job, row.path])),
      );
      const paths = { all, until: performance.now() + FRESH_MS };
      this.#paths = paths;
      all.catch(() => {
        if (this.#paths === paths) this.#paths = undefined;
      });
    }
    return this.#paths.all;
  }

  /**
   * The text that is stored for an input of a job that has a subject.
   *
   * @param given the input, and its text
   * @param once makes the same of the same input again, for a run with an idempotency key
   * @param db of who is in a transaction
   * @throws MillraceError `invalid_input`, `subject_erased`, `secret_key_missing`
   */
  async sealInput(
    job: string,
    path: readonly string[],
    given: { input: unknown; text: string; once?: string | undefined },
    db?: Queryable,
  ): Promise<string> {
    const { id, key } = await this.named(subjectIn(given.input, path, job), db);
    const header = { subject: id, run: null, place: "input", json: true } as const;
    const once = given.once === undefined ? undefined : JSON.stringify([job, given.once]);
    return sealedInputText(sealContent(key, header, given.text, once), id, path);
  }

  /**
   * The subject of a name, which is made when it is the first time that it comes.
   *
   * @throws MillraceError `subject_erased`, `secret_key_missing`
   */
  async named(name: string, db?: Queryable): Promise<NamedSubject> {
    const held = this.#named.get(name);
    if (held && performance.now() < held.until) return held.subject;
    const until = performance.now() + FRESH_MS;
    const hash = await this.hashOf(name, db);
    // What is made in a transaction may come to nothing, so others must not be told of it.
    const found = db ? (await this.#findAll(db, [hash]))[0]! : await this.#find.add(hash);
    if (found instanceof MillraceError) throw found;
    if (db) return found;
    const subject = found;
    this.#forgetLater();
    this.#named.set(name, { subject, until });
    return subject;
  }

  /** What a name is found by. @throws MillraceError `secret_key_missing` */
  async hashOf(name: string, db: Queryable = this.#db): Promise<Buffer> {
    this.#nameKey ??= await this.#loadNameKey(db);
    return createHmac("sha256", this.#nameKey).update(name.normalize("NFC")).digest();
  }

  /** The same for who makes nothing; undefined where nothing can be found, because no job has ever declared a subject. @throws MillraceError `secret_key_missing` */
  async knownHashOf(name: string, db: Queryable = this.#db): Promise<Buffer | undefined> {
    const known = this.#nameKey !== undefined || (await readNameKey(db)).length > 0;
    return known ? this.hashOf(name, db) : undefined;
  }

  /** Null when nothing is kept under a name. @throws MillraceError `secret_key_missing` */
  async idOf(name: string): Promise<string | null> {
    const hash = await this.knownHashOf(name);
    const [row] = hash ? await findSubjects(this.#db, [hash]) : [];
    return row?.id ?? null;
  }

  /**
   * The keys of subjects by their ids.
   *
   * @param db of who is in a transaction
   */
  async keysOf(ids: readonly string[], db?: Queryable): Promise<Map<string, SubjectKey>> {
    const found = new Map<string, SubjectKey>();
    const asked: string[] = [];
    for (const id of new Set(ids)) {
      const held = this.#held.get(id);
      if (held && performance.now() < held.until) found.set(id, held.key);
      else asked.push(id);
    }
    if (asked.length === 0) return found;
    const until = performance.now() + FRESH_MS;
    const keys = db
      ? await this.#readAll(db, asked)
      : await Promise.all(asked.map((id) => this.#read.add(id)));
    this.#forgetLater();
    for (const [n, id] of asked.entries()) {
      const key = keys[n]!;
      found.set(id, key);
      // Either may be different at the next look.
      if (key !== "unknown" && key !== "locked") this.#held.set(id, { key, until });
    }
    return found;
  }

  /** Forgets the keys that are held here, after an erasure. */
  forget(): void {
    this.#held.clear();
    this.#named.clear();
  }

  /** What is not to be used any more is not to be there either. */
  #forgetLater(): void {
    if (this.#forgetting) return;
    this.#forgetting = setTimeout(() => {
      this.#forgetting = undefined;
      const now = performance.now();
      for (const held of [this.#held, this.#named]) {
        for (const [name, { until }] of held) if (until <= now) held.delete(name);
      }
      if (this.#held.size + this.#named.size > 0) this.#forgetLater();
    }, FRESH_MS).unref();
  }

  async #readAll(db: Queryable, ids: readonly string[]): Promise<SubjectKey[]> {
    const rows = new Map((await readSubjects(db, [...ids])).map((row) => [row.id, row]));
    const ring = this.#keys.read();
    return ids.map((id) => {
      const row = rows.get(id);
      if (!row) return "unknown";
      return row.wrapped_key ? (opened(ring, row) ?? "locked") : "erased";
    });
  }

  async #findAll(
    db: Queryable,
    hashes: readonly Buffer[],
  ): Promise<(NamedSubject | MillraceError)[]> {
    const ring = this.#ring();
    let rows = await findSubjects(db, [...hashes]);
    const known = new Set(rows.map((row) => row.name_hash.toString("hex")));
    const fresh = new Map(hashes.map((hash) => [hash.toString("hex"), hash]));
    for (const hash of known) fresh.delete(hash);
    if (fresh.size > 0) {
      const made = [...fresh.values()].map((hash) => ({ id: randomUUID(), hash }));
      await makeSubjects(
        db,
        made.map(({ id }) => id),
        made.map(({ hash }) => hash),
        made.map(({ id }) => newWrappedKey(ring, keyPlace(id)).wrappedKey),
      );
      rows = await findSubjects(db, [...hashes]);
    }
    const byHash = new Map(rows.map((row) => [row.name_hash.toString("hex"), row]));
    return hashes.map((hash) => usable(ring, byHash.get(hash.toString("hex"))));
  }

  /** @throws MillraceError `secret_key_missing` */
  #ring(): KeyRing {
    return this.#keys.read() ?? this.#keys.make();
  }

  async #loadNameKey(db: Queryable): Promise<KeyObject> {
    const ring = this.#ring();
    let [row] = await readNameKey(db);
    if (!row) {
      // Never in the transaction of somebody, which may come to nothing; jobs make it when they declare a subject.
      await ensureNameKey(this.#db, ring);
      [row] = await readNameKey(this.#db);
    }
    try {
      return createSecretKey(openKey(ring, NAME_KEY_PLACE, row!.wrapped_key));
    } catch (error) {
      throw keyMissing(this.#keys.words, error);
    }
  }
}

/** The key of the hashes of names is made once. */
export async function ensureNameKey(db: Queryable, ring: KeyRing): Promise<void> {
  if ((await readNameKey(db)).length > 0) return;
  await putNameKey(db, newWrappedKey(ring, NAME_KEY_PLACE).wrappedKey);
}

/** Of a batch one that cannot be used does not take the others with it. */
function usable(ring: KeyRing, row: SubjectRow | undefined): NamedSubject | MillraceError {
  if (!row?.wrapped_key) return subjectErased();
  const key = opened(ring, row);
  return key ? { id: row.id, key } : keyMissing("this process");
}

function opened(ring: KeyRing | undefined, { id, wrapped_key }: SubjectRow): KeyObject | undefined {
  if (!ring) return undefined;
  try {
    return createSecretKey(openKey(ring, keyPlace(id), wrapped_key!));
  } catch {
    return undefined;
  }
}

/** Whose subject it is, the error does not say. */
export function subjectErased(): MillraceError {
  return new MillraceError(
    "subject_erased",
    "what was kept under the subject of this run is erased, and nothing can be made of it any more; millrace erase --forget lets new runs of the subject come, under a new key",
  );
}

export function keyMissing(where: string, cause?: unknown): MillraceError {
  return new MillraceError(
    "secret_key_missing",
    `the keys of subjects are encrypted under a key that ${where} does not have; add it to MILLRACE_SECRET_KEYS, as another server of this database has it`,
    { cause },
  );
}
