import { MillraceError } from "./errors.ts";
import { isSecretKey } from "./secret-key-name.ts";

/** Each costs every run of the job a row of an index. */
const MAX_SEARCHABLE = 8;

/** In characters. */
const MAX_PATH = 100;

/** As deep as a query asks. */
const MAX_KEYS = 8;

/** As a query writes a key: what else it might be has a meaning of its own there. */
const KEY = /^[^\s":,<>.]+$/;

/** What of a job decides which fields may be searchable. */
export interface SearchableNeeds {
  readonly searchable: readonly string[] | undefined;
  /** Where its subject is named. */
  readonly subject: readonly string[] | null;
}

/**
 * The paths into a job's input by whose values its runs are found at once, such as `order.id`; none for a job that declares none.
 *
 * @throws MillraceError `invalid_job` naming the option
 */
export function searchablePaths(
  { searchable = [], subject }: SearchableNeeds,
  job: string,
): readonly string[] {
  const refuse = (why: string): never => {
    throw new MillraceError("invalid_job", `job ${job}: searchable: ${why}`);
  };
  if (!Array.isArray(searchable)) return refuse(`it must be a list of paths, such as ["tenant"]`);
  if (searchable.length > 0 && subject) {
    return refuse(
      "the input is encrypted under its subject, and what an index holds of it would outlive an erasure; leave searchable or subject",
    );
  }
  if (searchable.length > MAX_SEARCHABLE) {
    return refuse(`there are ${searchable.length} paths, and may be ${MAX_SEARCHABLE}`);
  }
  for (const [index, path] of (searchable as readonly unknown[]).entries()) {
    const keys = typeof path === "string" ? path.split(".") : [];
    const isPath = keys.length > 0 && keys.length <= MAX_KEYS && keys.every((key) => KEY.test(key));
    if (!isPath || keys[0]!.startsWith("$") || String(path).length > MAX_PATH) {
      return refuse(
        `${JSON.stringify(path)} is not a path into the input, such as "tenant" or "order.id"`,
      );
    }
    const secret = keys.find(isSecretKey);
    if (secret !== undefined) {
      return refuse(
        `what lies under ${JSON.stringify(secret)} is kept out of logs, and is not to be found by, either; leave ${JSON.stringify(path)} out`,
      );
    }
    if (searchable.indexOf(path) !== index) {
      return refuse(`${JSON.stringify(path)} stands there twice`);
    }
  }
  return Object.freeze([...searchable]);
}
