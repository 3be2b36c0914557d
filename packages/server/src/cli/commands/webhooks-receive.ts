import { type Json, MillraceError, WEBHOOK_SCHEMES } from "@millrace/core";
import { EndpointInfo } from "@millrace/core/api";
import { Command, Option } from "commander";
import { apiClient, localAddress, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { jsonOption, severalOption, onOption, offOption, switched } from "./options.ts";

interface Options {
  json?: boolean;
  scheme?: string;
  job?: string;
  secret?: string;
  grace?: string;
  map?: string[];
  const?: string[];
  wholeBody?: boolean;
  on?: boolean;
  off?: boolean;
}

export function receiveCommand(cli: Cli): Command {
  return new Command("receive")
    .description("make an endpoint at which others start a job, or change one")
    .argument("<name>", "what it is called")
    .addOption(new Option("--scheme <scheme>", "how the other side signs").choices(WEBHOOK_SCHEMES))
    .option("-j, --job <name>", "what is started")
    .option("--secret <name>", "the secret under which the other side signs, such as SHOP_HOOK")
    .option("--grace <duration>", "for how long the secret of before is taken still (default: 0s)")
    .addOption(
      severalOption("--map <field=path>", "a field of the input (repeatable): orderId=data.id"),
    )
    .addOption(
      severalOption("--const <field=json>", "a field that is always the same (repeatable)"),
    )
    .addOption(
      new Option("--whole-body", "the body is the input (the default)").conflicts(["map", "const"]),
    )
    .addOption(onOption())
    .addOption(offOption())
    .addOption(jsonOption())
    .action(cli.action((name: string, options: Options) => receive(cli, name, options)));
}

async function receive(cli: Cli, name: string, options: Options): Promise<number> {
  const { scheme, job, secret, grace, json } = options;
  const body = {
    ...{ scheme, job, secret, grace },
    mapping: mappingOf(options),
    enabled: switched(options),
  };
  const path = `webhooks/endpoints/${segment(name)}`;
  const endpoint = await apiClient(cli).put(path, body, EndpointInfo);
  if (json) {
    cli.out.line(harmlessJson({ v: 1, ...endpoint }));
    return EXIT.done;
  }
  const settings = cli.settings();
  const base = settings.publicUrl ?? settings.url ?? localAddress(settings);
  const state = endpoint.enabled ? `starts ${harmless(endpoint.job)}` : "is off";
  cli.err.line(`${harmless(endpoint.name)} ${state}. Its address:`);
  cli.out.line(harmless(`${base.replace(/\/+$/, "")}${endpoint.path}`));
  return EXIT.done;
}

function mappingOf({ map, const: constants, wholeBody }: Options) {
  if (wholeBody) return null;
  if (!map && !constants) return undefined;
  const paths = (map ?? []).map((text) => split("--map", text));
  const fixed = (constants ?? []).map((text): [string, { const: Json }] => {
    const [field, json] = split("--const", text);
    return [field, { const: parse(field, json) }];
  });
  return Object.fromEntries<string | { const: Json }>([...paths, ...fixed]);
}

function split(option: string, text: string): [field: string, value: string] {
  const [, field, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (field !== undefined && value !== undefined) return [field, value];
  throw new MillraceError("invalid_usage", `${option}: write a field, =, and where it comes from`);
}

function parse(field: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new MillraceError("invalid_usage", `--const ${field}: what stands behind = is not JSON`);
  }
}
