import { defineJob } from "@millrace/sdk";
import { z } from "zod";

// Jobs that are given what nobody may read, and do their best to tell it.

function written(secret: string): string {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
    encodeURIComponent(secret),
    JSON.stringify(secret),
    `https://user:${encodeURIComponent(secret)}@crm.example/?token=${encodeURIComponent(secret)}`,
    `Basic ${Buffer.from(`user:${secret}`).toString("base64")}`,
  ].join(" ");
}

function telling<const Name extends string>(
  name: Name,
  isolation: "inline" | "thread" | "process",
) {
  return defineJob({
    name,
    isolation,
    secrets: ["CRM_TOKEN"],
    retry: { maxAttempts: 2, firstDelay: "1ms", maxDelay: "1ms" },
    run: (_input, { log, progress, secrets }) => {
      const text = written(secrets.CRM_TOKEN);
      log.info(text, { text, deep: { [text]: [text] }, error: new Error(text) });
      progress(1, 2, text);
      if (isolation === "process") console.error(text);
      class Leaky extends Error {
        override readonly name = secrets.CRM_TOKEN;
      }
      throw new Leaky(text, { cause: new Error(text) });
    },
  });
}

export const inline = telling("tells-inline", "inline");
export const inThread = telling("tells-thread", "thread");
export const inProcess = telling("tells-process", "process");

/** Logs fields whose keys say what they are, as an author does who has not thought. */
export const careless = defineJob({
  name: "careless",
  input: z.object({ password: z.string(), payload: z.string() }),
  retry: { maxAttempts: 1 },
  run: ({ password }, { log }) => {
    log.info("logging in", { request: { headers: { Authorization: password }, password } });
    throw new Error("the bank refuses");
  },
});

/** Calls a server with what it was given where it does not belong: the address. */
export const calls = defineJob({
  name: "calls",
  input: z.object({ url: z.string() }),
  retry: { maxAttempts: 1 },
  run: ({ url }, { fetch }) => fetch(url).then(() => "answered"),
});

export const about = defineJob({
  name: "about",
  input: z.object({ person: z.string() }),
  subject: "person",
  retry: { maxAttempts: 1 },
  run: ({ person }, { log }) => {
    log.warn(`no such person: ${person}`, { person });
    throw new Error(`${person} is not known`);
  },
});
