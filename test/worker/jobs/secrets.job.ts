import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { threadId } from "node:worker_threads";
import { NonRetryableError, defineEvent, defineJob, type Context } from "@millrace/sdk";
import { z } from "zod";

// Jobs that get a secret, inline, in a thread and in a process, and do with it what they should not.

const told = defineEvent({ name: "told", payload: z.object({ token: z.string() }) });

// oxlint-disable-next-line typescript/no-explicit-any -- their input is that of the job below
type Way = (ctx: Context<any, { readonly CRM_TOKEN: string }>) => unknown;

/** The ways in which a secret might be written. */
function written(secret: string): string {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
    encodeURIComponent(secret),
    JSON.stringify(secret),
    `https://user:${encodeURIComponent(secret)}@crm.example/`,
    `Basic ${Buffer.from(`user:${secret}`).toString("base64")}`,
  ].join(" ");
}

const WAYS: Record<string, Way> = {
  digest: ({ secrets }) => ({
    sha256: createHash("sha256").update(secrets.CRM_TOKEN).digest("hex"),
    elsewhere: threadId > 0 || process.send !== undefined || process.argv[1]!.includes("isolated"),
    env: Object.keys(process.env).filter((name) => /MILLRACE_SECRET|DATABASE_URL/.test(name)),
  }),
  undeclared: ({ secrets }) => (secrets as Record<string, string>)["OTHER_TOKEN"],
  tell: async ({ log, progress, publish, step, secrets: { CRM_TOKEN: token } }) => {
    const text = written(token);
    log.debug(text, { token, deep: { [token]: [text] }, error: new Error(text) });
    log.info(`${"x".repeat(8 * 1024 - 10)}${token}`, {
      long: `${"x".repeat(8 * 1024 - 20)}${token}`,
    });
    progress(1, 2, text);
    await publish("token", { token, text });
    await publish(`of ${token}`, 1);
    await step("fails", () => {
      throw new Error(text);
    }).catch(() => {});
    class Leaky extends Error {
      override readonly name = token;
    }
    throw new Leaky(text, { cause: new Error(`${"x".repeat(8 * 1024)} ${text}`) });
  },
  cut: ({ secrets }) => {
    throw new Error(`${"x".repeat(8 * 1024 - 20)}${secrets.CRM_TOKEN}`);
  },
  final: ({ secrets }) => {
    throw new NonRetryableError(written(secrets.CRM_TOKEN));
  },
  print: ({ secrets }) => {
    console.log(written(secrets.CRM_TOKEN));
    console.error(written(secrets.CRM_TOKEN));
    return "printed";
  },
  die: ({ log, secrets }) => {
    log.info(written(secrets.CRM_TOKEN));
    console.error(written(secrets.CRM_TOKEN));
    process.exit(3);
  },
  inspected: (ctx) => ({ printed: inspect([ctx, ctx.secrets], { depth: 9 }) }),
  called: ({ fetch, secrets: { CRM_TOKEN: token } }) => {
    const url = new URL("https://127.0.0.1:1/");
    url.pathname = `${"x".repeat(180)}/${token}`;
    return fetch(url, { retry: false });
  },
  calledLate: ({ fetch, secrets: { CRM_TOKEN: token } }) =>
    fetch(`http://localhost:1/${token}`, { retry: false }),
  output: ({ secrets }) => ({ nested: [`the token is ${secrets.CRM_TOKEN}`] }),
  step: ({ step, secrets }) => step("ask", () => ({ token: secrets.CRM_TOKEN })),
  named: ({ step, secrets }) => step(`ask by ${secrets.CRM_TOKEN}`, () => 1),
  namedWait: ({ step, secrets }) => step.sleep(`by ${secrets.CRM_TOKEN}`, "1d"),
  namedEffect: ({ step, secrets }) =>
    step.effect(`pay by ${secrets.CRM_TOKEN}`, {
      verify: () => ({ happened: false }),
      do: () => 1,
    }),
  wait: ({ step, secrets }) =>
    step.waitFor(told, { where: { token: secrets.CRM_TOKEN }, timeout: "1d" }),
  approval: ({ step, secrets }) => step.approval("ok", { ask: `Use ${secrets.CRM_TOKEN}?` }),
  child: ({ step, secrets }) => step.call(greet, { name: secrets.CRM_TOKEN }),
  effect: ({ step, secrets }) =>
    step.effect("pay", {
      verify: () => ({ happened: false }),
      do: () => {
        throw new Error(written(secrets.CRM_TOKEN));
      },
    }),
  successor: ({ continueAsNew, secrets }) => continueAsNew({ way: secrets.CRM_TOKEN }),
};

export const greet = defineJob({
  name: "greet",
  input: z.object({ name: z.string() }),
  run: ({ name }) => `Hello ${name}`,
});

function jobIn(isolation: "inline" | "thread" | "process") {
  return defineJob({
    name: `secret-${isolation}`,
    input: z.object({ way: z.string() }),
    isolation,
    hosts: ["http://localhost:1"],
    secrets: ["CRM_TOKEN"],
    retry: { maxAttempts: 2, firstDelay: "1ms", maxDelay: "1ms" },
    run: ({ way }, ctx) => WAYS[way]!(ctx),
  });
}

export const inline = jobIn("inline");
export const inThread = jobIn("thread");
export const inProcess = jobIn("process");
