import {
  type DeliveryInfo,
  DeliveryPage,
  EndpointInfo,
  type ReceiptInfo,
  ReceiptPage,
  SubscriptionInfo,
  WebhookList,
} from "@millrace/core/api";
import { MillraceError } from "@millrace/core";
import { Argument, Command } from "commander";
import { type ApiClient, apiClient, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { printPage } from "../output/page.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { receiveCommand } from "./webhooks-receive.ts";
import { redeliverCommand, rotateCommand, sendCommand, testCommand } from "./webhooks-send.ts";

interface Options {
  json?: boolean;
}

interface LogOptions extends Options {
  limit: number;
  cursor?: string;
}

const ENDPOINTS: Column<EndpointInfo>[] = [
  { title: "ENDPOINT", text: ({ name }) => name },
  { title: "JOB", text: ({ job }) => job },
  { title: "SCHEME", text: ({ scheme }) => scheme },
  { title: "SECRETS", text: ({ secrets }) => secrets.map(secretInWords).join(", ") },
  { title: "PATH", text: ({ path, enabled }) => (enabled ? path : `${path} (off)`) },
];

const SUBSCRIPTIONS: Column<SubscriptionInfo>[] = [
  { title: "SUBSCRIPTION", text: ({ name }) => name },
  { title: "EVENTS", text: ({ events }) => events.join(", ") },
  { title: "JOB", text: ({ job }) => job ?? "all jobs" },
  { title: "URL", text: ({ url }) => url },
  {
    title: "STATE",
    text: ({ enabled, disabledReason }) => (enabled ? "on" : (disabledReason ?? "off")),
    style: ({ enabled }) => (enabled ? undefined : "gray"),
  },
];

const RECEIPTS: Column<ReceiptInfo>[] = [
  { title: "AT", text: ({ at }) => at.slice(0, 19) },
  { title: "OUTCOME", text: ({ outcome }) => outcome },
  { title: "DELIVERY", text: ({ deliveryId }) => deliveryId },
  { title: "RUN", text: ({ runId }) => runId },
  { title: "BYTES", text: ({ bytes }) => bytes, right: true },
  { title: "ERROR", text: ({ error }) => error },
];

const DELIVERIES: Column<DeliveryInfo>[] = [
  { title: "DELIVERY", text: ({ id }) => id },
  { title: "EVENT", text: ({ event }) => event },
  { title: "AT", text: ({ at }) => at.slice(0, 19) },
  { title: "OUTCOME", text: ({ outcome }) => outcome ?? "to be sent" },
  { title: "ATTEMPTS", text: ({ attempts }) => attempts, right: true },
  { title: "RUN", text: ({ runId }) => runId },
  { title: "LAST ERROR", text: ({ error }) => error },
];

export function webhooksCommand(cli: Cli): Command {
  return listOptions(new Command("webhooks"), cli)
    .description("list webhooks: what starts jobs from elsewhere, and who is told when runs end")
    .helpCommand(false)
    .addCommand(listOptions(new Command("list"), cli).description("the same"))
    .addCommand(receiveCommand(cli))
    .addCommand(sendCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(removeCommand(cli))
    .addCommand(logCommand(cli))
    .addCommand(testCommand(cli))
    .addCommand(redeliverCommand(cli));
}

function listOptions(command: Command, cli: Cli): Command {
  return command
    .addOption(jsonOption())
    .action(cli.action((options: Options) => list(cli, options)));
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { endpoints, subscriptions } = await apiClient(cli).get("webhooks", WebhookList);
  if (json) {
    for (const one of [...endpoints, ...subscriptions])
      cli.out.line(harmlessJson({ v: 1, ...one }));
    return EXIT.done;
  }
  if (endpoints.length + subscriptions.length === 0) cli.err.line("No webhooks.");
  if (endpoints.length > 0) printTable(cli.out, ENDPOINTS, endpoints);
  if (endpoints.length > 0 && subscriptions.length > 0) cli.out.line("");
  if (subscriptions.length > 0) printTable(cli.out, SUBSCRIPTIONS, subscriptions);
  return EXIT.done;
}

function removeCommand(cli: Cli): Command {
  return new Command("rm")
    .description("remove an endpoint or a subscription, with its log")
    .addArgument(nameArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { json }: Options) => {
        const api = apiClient(cli);
        const path = `webhooks/${await kindOf(api, name)}/${segment(name)}`;
        const removed = path.startsWith("webhooks/endpoints/")
          ? await api.delete(path, EndpointInfo)
          : await api.delete(path, SubscriptionInfo);
        if (json) cli.out.line(harmlessJson({ v: 1, ...removed }));
        else cli.out.line(`✓ ${harmless(removed.name)} is removed`);
        return EXIT.done;
      }),
    );
}

function logCommand(cli: Cli): Command {
  return new Command("log")
    .description("list what came in at an endpoint, or what a subscription was told, newest first")
    .addArgument(nameArgument())
    .option("--limit <n>", "how many, 1 to 200", wholeNumber(1, 200), 50)
    .option("--cursor <cursor>", "go on where the last page ended")
    .addOption(jsonOption())
    .action(
      cli.action(async (name: string, { limit, cursor, json }: LogOptions) => {
        const api = apiClient(cli);
        const kind = await kindOf(api, name);
        const path = `webhooks/${kind}/${segment(name)}/deliveries`;
        const none = "No deliveries.";
        if (kind === "endpoints") {
          const page = await api.get(path, ReceiptPage, { limit, cursor });
          const rows = { rows: page.deliveries, nextCursor: page.nextCursor };
          return printPage(cli, rows, { json, none, columns: RECEIPTS });
        }
        const page = await api.get(path, DeliveryPage, { limit, cursor });
        const rows = { rows: page.deliveries, nextCursor: page.nextCursor };
        return printPage(cli, rows, { json, none, columns: DELIVERIES });
      }),
    );
}

/** A name is of one webhook, in or out. @throws MillraceError `webhook_not_found` */
async function kindOf(api: ApiClient, name: string): Promise<"endpoints" | "subscriptions"> {
  const all = await api.get("webhooks", WebhookList);
  for (const kind of ["endpoints", "subscriptions"] as const) {
    if (all[kind].some((one) => one.name === name)) return kind;
  }
  throw new MillraceError(
    "webhook_not_found",
    `there is no webhook ${JSON.stringify(name)}; millrace webhooks lists them`,
  );
}

function nameArgument(): Argument {
  return new Argument("<name>", "of the endpoint or the subscription");
}

function secretInWords({ name, until }: EndpointInfo["secrets"][number]): string {
  return until === null ? name : `${name} until ${until.slice(0, 16)}`;
}
