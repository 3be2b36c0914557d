import { defineJob } from "@millrace/sdk";
import { z } from "zod";
import { allowedUrl } from "./allowed-url.ts";
import { isRemoved } from "./fetch-page.ts";
import { patientFetch } from "./patient-fetch.ts";
import { openTarget, readCursor, writePage } from "./target.ts";

const input = z.strictObject({
  url: z.string().max(2000).default("http://127.0.0.1:4790/customers"),
  /** Whose checkpoint and rows these are: one name for each source. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "lower case, digits, _ and -")
    .default("customers"),
  pageSize: z.int().min(1).max(500).default(100),
});

export const sync = defineJob({
  name: "sync",
  description:
    "Copies customers from an HTTP API into a PostgreSQL table, page by page, and resumes where it stood.",
  input,
  // Every attempt goes on from the last page, so many short ones are as good as a long one.
  retry: { maxAttempts: 10, firstDelay: "2s", maxDelay: "5m" },
  timeout: "30m",
  run: async ({ url, name, pageSize }, ctx) => {
    const source = allowedUrl(url);
    const target = await openTarget();
    try {
      let cursor = await readCursor(target, name, source.href);
      const resumedFrom = cursor ?? null;
      const done = { pages: 0, received: 0, removed: 0 };
      const troubles = { limited: 0, repeated: 0 };
      ctx.log.info(cursor === undefined ? "from the beginning" : `from cursor ${cursor}`);

      for (let more = true; more;) {
        const page = await patientFetch(source, { after: cursor, limit: pageSize }, ctx, troubles);
        ctx.signal.throwIfAborted();
        if (page.more && page.cursor === cursor) {
          throw new Error("the source says that there is more, and does not move on");
        }
        if (!(await writePage(target, name, cursor, page))) {
          cursor = await readCursor(target, name, source.href);
          ctx.log.warn(`another run of ${name} has moved on; joining it at cursor ${cursor}`);
          continue;
        }
        ({ cursor, more } = page);
        done.pages++;
        done.received += page.customers.length;
        done.removed += page.customers.filter(isRemoved).length;
        ctx.progress(done.received, undefined, "customers");
      }
      ctx.log.info("in step with the source", { ...done, ...troubles });
      return { ...done, ...troubles, resumedFrom, cursor: cursor ?? null };
    } finally {
      await target.end().catch(() => {});
    }
  },
});
