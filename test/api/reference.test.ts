import { createHash } from "node:crypto";
import { DASHBOARD_PATHS } from "@millrace/core";
import * as contract from "@millrace/core/api";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import type { z } from "zod";
import { startApi } from "../support/api.ts";

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security?: unknown[];
  requestBody?: { required: boolean; content: Record<string, { example?: unknown }> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}

interface Media {
  schema: { $ref?: string };
  example?: unknown;
}

test("the OpenAPI document is valid, and every reference in it leads somewhere", async () => {
  const api = await startApi();
  const { body: document } = await api.call("/openapi.json", { key: null });
  expect(document).toMatchObject({
    openapi: "3.1.0",
    info: { title: "Millrace", version: "1.2.3" },
  });
  const verdict = await new Validator().validate(structuredClone(document));
  expect(verdict.errors).toBeUndefined();
  expect(verdict.valid).toBe(true);

  const text = JSON.stringify(document);
  const used = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref));
  const known = ["schemas", "parameters", "headers"].flatMap((kind) =>
    Object.keys(document.components[kind]).map((name) => `#/components/${kind}/${name}`),
  );
  expect(used).toEqual(new Set(known));
});

test("every route is documented: what it takes, every answer, and whether it needs the key", async () => {
  const api = await startApi();
  const { body: document } = await api.call("/openapi.json");
  const paths = Object.entries<Record<string, Operation>>(document.paths);

  const routed = [...api.routes()].map((path) => path.replaceAll(/:(\w+)/g, "{$1}"));
  expect(new Set(routed)).toEqual(
    new Set([
      ...paths.map(([path]) => path),
      ...["/", "/docs", "/approve", "/hooks/{id}", "/login", "/logout", "/set-password"],
      ...["/login-code", "/second-factor", "/assets/{file}"],
      ...DASHBOARD_PATHS.flatMap((path) => [`/${path}`, `/${path}*`]),
    ]),
  );

  const ids = new Set<string>();
  for (const [path, operations] of paths) {
    const { headers } = await api.call(path, { method: "OPTIONS" });
    const methods = headers
      .get("allow")
      ?.split(", ")
      .filter((method) => method !== "HEAD");
    expect(
      Object.keys(operations)
        .map((method) => method.toUpperCase())
        .toSorted(),
    ).toEqual(methods);

    for (const [method, operation] of Object.entries(operations)) {
      expect(operation, `${method} ${path}`).toMatchObject({
        operationId: expect.stringMatching(/^[a-z]+[A-Za-z]+$/),
        summary: expect.any(String),
        tags: [expect.any(String)],
      });
      expect(ids).not.toContain(operation.operationId);
      ids.add(operation.operationId);
      const open = ["getHealth", "getReadiness", "getOpenApi", "logIn"].includes(
        operation.operationId,
      );
      expect(operation.security, path).toEqual(open ? [] : undefined);
      const always = ["400", "408", "431", "500"];
      const needed = open ? always : [...always, "401", "403", "429", "503"];
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(needed));
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect(description, `${path} ${status}`).not.toMatch(/^(Default Response)?$/);
        if (Number(status) < 400 || (open && status === "503")) continue;
        expect(content?.["application/problem+json"]?.schema.$ref).toMatch(/Problem$/);
      }
    }
  }
});

test("the examples are what the schemas say", async () => {
  const api = await startApi();
  const { body: document } = await api.call("/openapi.json");
  const schemas = contract as unknown as Record<string, z.ZodType>;
  let checked = 0;
  const check = (media: { schema?: { $ref?: string }; example?: unknown } | undefined) => {
    const name = media?.schema?.$ref?.split("/").at(-1);
    if (!name || !media?.example || !schemas[name]) return;
    expect(schemas[name].safeParse(media.example).error, name).toBeUndefined();
    checked++;
  };
  for (const operations of Object.values<Record<string, Operation>>(document.paths)) {
    for (const { requestBody, responses } of Object.values(operations)) {
      check(requestBody?.content["application/json"]);
      for (const { content } of Object.values(responses)) check(content?.["application/json"]);
    }
  }
  expect(checked).toBeGreaterThan(7);
});

test("the page for people has no script, allows none, and leads to every code, schema and operation", async () => {
  const api = await startApi();
  const { body: document } = await api.call("/openapi.json");
  for (const path of ["/docs"]) {
    const { body, headers } = await api.call(path, { key: null });
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    const [, style] = /<style>([^]*?)<\/style>/.exec(body)!;
    const hash = createHash("sha256").update(style!).digest("base64");
    expect(headers.get("content-security-policy")).toContain(`'sha256-${hash}'`);
    expect(body).not.toMatch(/<script|javascript:|\son\w+=|style=|<link|@import|url\(/i);
    // An example may name an address, and nothing may lead to one.
    expect(body).not.toMatch(/<[^>]*https?:\/\//i);
    const links = [...body.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    const ids = [...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(links.filter((id: string) => !ids.includes(id))).toEqual([]);
    expect(ids).toEqual(expect.arrayContaining(["error-invalid_input", "schema-Run", "createRun"]));
    for (const name of Object.keys(document.components.schemas))
      expect(ids).toContain(`schema-${name}`);
  }
});
