import { DeadLetterGroups, QueueList, WorkerList } from "@millrace/core/api";
import { Command } from "commander";
import { type ApiClient, apiClient, localAddress } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { type HealthAnswer, type Look, threeAnswers } from "../health/three-answers.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { LEVEL_MARKS } from "../output/level-marks.ts";
import { jsonOption } from "./options.ts";

const QUESTIONS: Record<HealthAnswer["question"], string> = {
  flow: "Is work flowing?",
  code: "Is it your code?",
  fresh: "Is what you see fresh?",
};

export function healthCommand(cli: Cli): Command {
  return new Command("health")
    .description("three answers: is work flowing, is it your code, is what you see fresh")
    .addOption(jsonOption())
    .action(cli.action((options: { json?: boolean }) => run(cli, options)));
}

async function run(cli: Cli, { json }: { json?: boolean }): Promise<number> {
  const answers = threeAnswers(await look(cli));
  for (const answer of answers) {
    if (json) cli.out.line(harmlessJson({ v: 1, ...answer }));
    else tell(cli, answer);
  }
  return answers.some(({ level }) => level === "bad") ? EXIT.unhealthy : EXIT.done;
}

function tell({ out }: Cli, { question, level, text }: HealthAnswer): void {
  const { icon, style } = LEVEL_MARKS[level];
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  out.line(
    `${out.style(style, icon)} ${out.style("bold", QUESTIONS[question])} ${harmless(sentence)}.`,
  );
}

async function look(cli: Cli): Promise<Look> {
  const settings = cli.settings();
  const api: ApiClient = apiClient(cli, settings);
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const askedAt = performance.now();
  const [{ queues }, { workers }, { groups, total }, readiness] = await Promise.all([
    api.get("queues", QueueList),
    api.get("workers", WorkerList),
    api.get("dead-letters/groups", DeadLetterGroups, { since, limit: 1 }),
    askReadiness(settings.url ?? localAddress(settings)),
  ]);
  const tookMs = performance.now() - askedAt;
  const errors = { deadLetters: total, worstError: groups[0] };
  return { queues, workers, ...errors, ...readiness, tookMs };
}

async function askReadiness(
  address: string,
): Promise<Pick<Look, "ready" | "troubles" | "serverMs" | "hereMs">> {
  const before = Date.now();
  const response = await fetch(new URL("/readyz", address), {
    redirect: "error",
    signal: AbortSignal.timeout(6000),
  }).catch(() => undefined);
  const hereMs = (before + Date.now()) / 2;
  const date = Date.parse(response?.headers.get("date") ?? "");
  const answer = await response?.json().catch(() => undefined);
  const checks = Object.entries((answer as { checks?: Record<string, string> })?.checks ?? {});
  return {
    ready: response?.status === 200,
    troubles: checks
      .filter(([, words]) => typeof words === "string" && !/^ok\b/.test(words))
      .map(([check, words]) => `${check}: ${words}`),
    // The middle of the second that it names.
    serverMs: Number.isNaN(date) ? hereMs : date + 500,
    hereMs,
  };
}
