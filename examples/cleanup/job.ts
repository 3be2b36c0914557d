import { type Context, defineJob } from "@millrace/sdk";
import { z } from "zod";
import { type Matches, matcher, patternProblem } from "./pattern.ts";
import { Newest, keyOf } from "./newest.ts";
import { type Removal, removeFile, removeFolder } from "./remove.ts";
import { folderToClean } from "./root.ts";
import { type FoundFile, walk } from "./walk.ts";

const pattern = z.string().superRefine((text, problem) => {
  const message = patternProblem(text);
  if (message) problem.addIssue({ code: "custom", message });
});

const DAY_MS = 86_400_000;

const input = z.strictObject({
  folder: z.string().min(1).max(1000).default("."),
  patterns: z.array(pattern).min(1).max(20).default(["**"]),
  olderThanDays: z.number().min(0).max(36_525).default(30),
  keepNewest: z.int().min(0).max(10_000).default(0),
  removeEmptiedFolders: z.boolean().default(false),
  // What is deleted does not come back, and a wrong pattern looks like a right one: look first, then say so.
  dryRun: z.boolean().default(true),
});

/** How many files the output names. */
const SHOWN = 100;

export const cleanup = defineJob({
  name: "cleanup",
  description:
    "Deletes files below a root by age and pattern; unless told otherwise it only says which.",
  input,
  retry: { maxAttempts: 3, firstDelay: "10s" },
  timeout: "1h",
  run: async (wanted, ctx) => {
    const folder = await folderToClean(wanted.folder);
    const matches = matcher(wanted.patterns);
    const before = Date.now() - wanted.olderThanDays * DAY_MS;
    const kept = await newestOf(folder, matches, wanted.keepNewest, ctx);

    const tally = { scanned: 0, matched: 0, files: 0, bytes: 0, folders: 0, skipped: 0, failed: 0 };
    const shown: { path: string; bytes: number; modifiedAt: string }[] = [];
    const failures: string[] = [];
    const fail = (name: string, why: string) => {
      tally.failed++;
      if (failures.length < 5) failures.push(`${JSON.stringify(name)} (${why})`);
    };
    const attempt = async (name: string, remove: () => Promise<Removal>): Promise<Removal> => {
      const outcome = wanted.dryRun ? "removed" : await remove();
      if (typeof outcome === "object") fail(name, outcome.failed);
      return outcome;
    };

    await walk(
      folder,
      {
        file: async (found) => {
          tally.scanned++;
          ctx.progress(tally.scanned, undefined, "files looked at");
          if (!matches(found.shown)) return false;
          tally.matched++;
          if (found.mtimeMs >= before || kept.has(keyOf(found))) return false;
          const outcome = await attempt(found.shown, () => removeFile(found));
          if (outcome !== "removed") return outcome === "gone";
          tally.files++;
          tally.bytes += found.bytes;
          if (shown.length < SHOWN) shown.push(asOutput(found));
          return true;
        },
        emptied: async (path, name) => {
          if (!wanted.removeEmptiedFolders) return false;
          const outcome = await attempt(name, () => removeFolder(path));
          if (outcome === "removed") tally.folders++;
          return outcome === "removed" || outcome === "gone";
        },
        unreadable: fail,
        skipped: (name, why) => {
          tally.skipped++;
          ctx.log.debug(`passed over ${JSON.stringify(name)}: ${why}`);
        },
      },
      ctx.signal,
    );
    ctx.log.info(wanted.dryRun ? "dry run: nothing was deleted" : "deleted", { ...tally });
    if (tally.failed > 0) {
      throw new Error(
        `${tally.failed} could not be read or deleted, such as ${failures.join(", ")}`,
      );
    }
    const { failed: _, ...output } = tally;
    return { dryRun: wanted.dryRun, ...output, deleted: shown };
  },
});

async function newestOf(
  folder: string,
  matches: Matches,
  count: number,
  ctx: Context,
): Promise<ReadonlySet<string>> {
  const newest = new Newest(count);
  if (count > 0) {
    await walk(
      folder,
      {
        file: async (found) => {
          if (matches(found.shown)) newest.add(found);
          return false;
        },
        emptied: async () => false,
        // Told by the walk that deletes.
        skipped: () => {},
        unreadable: () => {},
      },
      ctx.signal,
    );
  }
  return newest.keys();
}

function asOutput(found: FoundFile) {
  return {
    path: found.shown,
    bytes: found.bytes,
    modifiedAt: new Date(found.mtimeMs).toISOString(),
  };
}
