import { inspect } from "node:util";
import { toJsonText, toStepText } from "@millrace/core";
import { expect, expectTypeOf, test } from "vitest";
import { defineJob } from "../define-job.ts";
import { type HostSecret, basic, bearer, hostSecret } from "./host-secret.ts";

const VALUE = "canary-0a1b2c3d4e5f";

const HELD = { CRM_TOKEN: { value: VALUE, hosts: ["api.crm.example"] }, KEY: "text-of-a-key" };

test("a secret that is bound to hosts is refused by text, JSON and steps, and shown without its value", async () => {
  const job = defineJob({
    name: "job",
    secrets: [hostSecret("CRM_TOKEN"), "KEY"],
    run: (_input, { secrets }) => {
      expectTypeOf(secrets.CRM_TOKEN).toEqualTypeOf<HostSecret>();
      expectTypeOf(secrets.KEY).toEqualTypeOf<string>();
      const { CRM_TOKEN: token } = secrets;
      const refused = expect.objectContaining({ code: "secret_exposed" });
      for (const one of [token, bearer(token), basic("ada", token)]) {
        // oxlint-disable-next-line typescript/restrict-template-expressions, typescript/no-base-to-string -- what is tried
        expect(() => `${one}`).toThrow(refused);
        // oxlint-disable-next-line typescript/no-base-to-string -- the same
        expect(() => String(one)).toThrow(refused);
        expect(() => JSON.stringify({ deep: [one] })).toThrow(refused);
        expect(() => toJsonText({ one }, "output")).toThrow(refused);
        expect(() => toStepText({ one }, "step")).toThrow(/HostSecret|SecretHeader|bound to hosts/);
        expect(() => new Headers({ authorization: one as unknown as string })).toThrow(refused);
        expect(inspect(one, { depth: null, showHidden: true })).toMatch(/^\[.*CRM_TOKEN\]$/);
      }
      return Object.keys(secrets);
    },
  });
  expect(await job.call({}, { secrets: HELD })).toEqual(["CRM_TOKEN", "KEY"]);
});

test("what a job declares as text may not be bound to hosts, and the other way round", async () => {
  const text = defineJob({ name: "text", secrets: ["CRM_TOKEN"], run: () => 1 });
  await expect(text.call({}, { secrets: HELD })).rejects.toThrow(
    'CRM_TOKEN: it is bound to hosts; declare it as hostSecret("CRM_TOKEN")',
  );
  const bound = defineJob({ name: "bound", secrets: [hostSecret("KEY")], run: () => 1 });
  await expect(bound.call({}, { secrets: HELD })).rejects.toThrow("bound to no hosts");
  expect(() => hostSecret("no name")).toThrow("that is not the name of a secret");
  expect(() => defineJob({ name: "both", secrets: ["A", hostSecret("A")], run: () => 1 })).toThrow(
    'secrets: "A" is declared as text and as hostSecret',
  );
});

test("of a text, bearer and basic are headers like any other", () => {
  expect([bearer("abc"), basic("ada", "pässword")]).toEqual([
    "Bearer abc",
    `Basic ${Buffer.from("ada:pässword").toString("base64")}`,
  ]);
  expect(() => basic("a:b", "c")).toThrow("text without :");
});
