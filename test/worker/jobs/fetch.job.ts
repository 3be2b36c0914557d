import { type Context, HttpError, bearer, defineJob, hostSecret, on } from "@millrace/sdk";
import { z } from "zod";

// Jobs that call others, inline, in a thread and in a process.

// oxlint-disable-next-line typescript/no-explicit-any -- their input is that of the jobs below
type Way = (url: string, ctx: Context<any, any>) => unknown;

const WAYS: Record<string, Way> = {
  plain: async (url, { fetch }) => {
    const answer = await fetch(`${url}?q=1`, { method: "POST", json: { a: 1 } });
    return [answer.status, answer.url === `${url}?q=1`, await answer.text()];
  },
  bytes: async (url, { fetch }) => {
    const body = new Uint8Array([0, 255, 128, 10]);
    const answer = await fetch(url, { method: "PUT", body });
    return [...new Uint8Array(await answer.arrayBuffer())];
  },
  failing: (url, { fetch }) => fetch(url),
  many: async (url, { fetch }) => {
    for (let n = 0; n < 120; n++) await fetch(url);
    return "called";
  },
  large: async (url, { fetch }) => (await (await fetch(url)).text()).length,
  inner: (_url, { fetch }) => fetch("https://169.254.169.254/latest/meta-data"),
  slow: (url, { fetch }) => fetch(url),
  dropped: async (url, { fetch }) => {
    const late = AbortSignal.timeout(50);
    await fetch(url, { signal: late }).catch((error: unknown) => {
      if (!late.aborted) throw error;
    });
    return "given up";
  },
  left: async (url, { attempt, fetch, step }) => {
    const called = attempt === 1 ? fetch(url).then((answer) => answer.status) : 0;
    await step.sleep("a day", "1d");
    return called;
  },
  token: async (url, { fetch, secrets }) => {
    const token = secrets.CRM_TOKEN as Parameters<typeof bearer>[0];
    const answer = await fetch(url, { headers: { authorization: bearer(token) } });
    return answer.text();
  },
  tell: (_url, { log, secrets }) => {
    const token = secrets.CRM_TOKEN as object;
    log.info("the token", { token, name: (token as { name: string }).name });
    return Object.entries(token);
  },
  record: (_url, { step, secrets }) => step("token", () => secrets.CRM_TOKEN as never),
  text: (_url, { secrets }) => `Bearer ${secrets.CRM_TOKEN as string}`,
};

function jobIn(isolation: "inline" | "thread" | "process") {
  return defineJob({
    name: `fetch-${isolation}`,
    input: z.object({ way: z.string(), url: z.string() }),
    isolation,
    secrets: [hostSecret("CRM_TOKEN")],
    retry: {
      maxAttempts: 2,
      firstDelay: "1ms",
      maxDelay: "1ms",
      rules: [on(HttpError, (error) => error.status === 410 && "never")],
    },
    run: ({ way, url }, ctx) => WAYS[way]!(url, ctx),
  });
}

export const inline = jobIn("inline");
export const inThread = jobIn("thread");
export const inProcess = jobIn("process");
