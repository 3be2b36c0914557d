import type { PlantedBug } from "./planted-bug.ts";

/** Bugs of requests that are repeated, and of changes that meet each other. */
export const REQUEST_BUGS: readonly PlantedBug[] = [
  {
    bug: "a repeated request is answered like the first, whatever it says",
    edits: [
      {
        file: "engine/once.ts",
        find: "  if (kept.fingerprint.equals(fingerprint)) return kept;",
        replace: "  if (kept.fingerprint.length === fingerprint.length) return kept;",
      },
    ],
    caughtBy: {
      file: "test/api/once.test.ts",
      test: "F24: another body or address under the same key is refused; another caller or route has keys of its own",
    },
  },
  {
    bug: "callers share their keys, and get each other's answers",
    edits: [
      {
        file: "api/answer-once.ts",
        find: "    caller: placeOf(request.caller),",
        replace: '    caller: "anybody",',
      },
    ],
    caughtBy: {
      file: "test/api/once.test.ts",
      test: "F24: another body or address under the same key is refused; another caller or route has keys of its own",
    },
  },
  {
    bug: "an answer is kept by a connection of its own, before what it tells of is committed",
    edits: [
      {
        file: "engine/once.ts",
        find: "      const found = await claim(tx, request);",
        replace: "      const found = await inTransaction(this.#db, (own) => claim(own, request));",
      },
    ],
    caughtBy: {
      file: "test/api/once.test.ts",
      test: "F24: what failed has done nothing, and its key is free",
    },
  },
  {
    bug: "a schedule is changed whatever the tag says that the caller has read",
    edits: [
      {
        file: "api/etag.ts",
        find: 'tag.startsWith(`"${state}.`)',
        replace: "tag.startsWith('\"')",
      },
    ],
    caughtBy: {
      file: "test/api/etag.test.ts",
      test: "of two who change the same schedule the second is told that it is not what they have read",
    },
  },
];
