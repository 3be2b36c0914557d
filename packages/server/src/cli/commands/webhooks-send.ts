import { WEBHOOK_EVENTS } from "@millrace/core";
import { DeliveryInfo, SubscriptionInfo } from "@millrace/core/api";
import { Command, Option } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { tellTried, tried } from "../tried.ts";
import { jsonOption, severalOption, onOption, offOption, switched } from "./options.ts";

/** An attempt may take 15 s, and a second goes by until it begins. */
const WAIT_MS = 20_000;

interface Options {
  json?: boolean;
}

interface SendOptions extends Options {
  event?: string[];
  job?: string;
  allJobs?: boolean;
  project?: string;
  on?: boolean;
  off?: boolean;
}

export function sendCommand(cli: Cli): Command {
  return new Command("send")
    .description("tell a URL when runs end, or change what it is told")
    .argument("<name>", "what the subscription is called")
    .argument("[url]", "where to send; needed when it is made")
    .addOption(
      severalOption(
        "--event <event>",
        `of what is told (repeatable): ${WEBHOOK_EVENTS.join(", ")}`,
      ),
    )
    .option("-j, --job <name>", "of the runs of this job alone")
    .addOption(
      new Option("--all-jobs", "of the runs of all jobs of its project (the default)").conflicts(
        "job",
      ),
    )
    .option("--project <name>", "to which it is to belong, when it is made")
    .addOption(onOption())
    .addOption(offOption("and drop what is to be sent"))
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, url: string | undefined, options: SendOptions) => {
        const { event: events, allJobs, project, json } = options;
        const job = allJobs ? null : options.job;
        const body = { url, events, job, enabled: switched(options), project };
        const path = `webhooks/subscriptions/${segment(name)}`;
        const subscription = await apiClient(cli).put(path, body, SubscriptionInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...subscription }));
        else tell(cli, subscription);
        return EXIT.done;
      }),
    );
}

export function rotateCommand(cli: Cli): Command {
  return new Command("rotate")
    .description("give a subscription another secret; that of before holds for a while still")
    .argument("<name>", "of the subscription")
    .option("--overlap <duration>", "for how long both sign (default: 24h)")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { overlap, json }: Options & { overlap?: string }) => {
        const path = `webhooks/subscriptions/${segment(name)}/rotate`;
        const subscription = await apiClient(cli).post(path, { overlap }, SubscriptionInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...subscription }));
        else tellRotated(cli, subscription);
        return EXIT.done;
      }),
    );
}

export function testCommand(cli: Cli): Command {
  return new Command("test")
    .description("send a ping to a subscription, and tell what it is answered")
    .argument("<name>", "of the subscription")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, options: Options) => {
        const api = apiClient(cli);
        const path = `webhooks/subscriptions/${segment(name)}/test`;
        return sent(cli, api, await api.post(path, {}, DeliveryInfo), options);
      }),
    );
}

export function redeliverCommand(cli: Cli): Command {
  return new Command("redeliver")
    .description("send a delivery again, under the same id, and tell what it is answered")
    .argument("<delivery>", "its id, as the log has it")
    .addOption(jsonOption())
    .action(
      cli.action(async (id: string, options: Options) => {
        const api = apiClient(cli);
        const path = `webhooks/deliveries/${segment(id)}/redeliver`;
        return sent(cli, api, await api.post(path, {}, DeliveryInfo), options);
      }),
    );
}

/** Says what came of a delivery, once it was tried. */
async function sent(cli: Cli, api: ApiClient, delivery: DeliveryInfo, options: Options) {
  const { id, lastAttemptAt } = delivery;
  const look = () => api.get(`webhooks/deliveries/${segment(id)}`, DeliveryInfo);
  return tellTried(cli, await tried(look, { lastAttemptAt, waitMs: WAIT_MS }), options);
}

/** The secret alone on its line, so that a script can take it. */
function tell(cli: Cli, { name, url, enabled, secret }: SubscriptionInfo): void {
  const what = enabled ? `is told at ${harmless(url)}` : "is off";
  if (secret === undefined) {
    cli.out.line(`✓ ${harmless(name)} ${what}`);
    return;
  }
  cli.err.line(`${harmless(name)} ${what}. Its secret, which is shown this once:`);
  cli.out.line(secret);
}

function tellRotated(cli: Cli, { name, overlapUntil, secret }: SubscriptionInfo): void {
  const until = overlapUntil === null ? "" : `; that of before signs as well until ${overlapUntil}`;
  cli.err.line(`${harmless(name)} has another secret${until}. It is shown this once:`);
  cli.out.line(secret);
}
