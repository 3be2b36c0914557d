import { expect, test } from "vitest";
import { readDsn } from "./dsn.ts";

test("a DSN says where envelopes go, also below a folder and at a port", () => {
  const { endpoint, publicKey } = readDsn("https://0123abcd@o1.ingest.sentry.io/42");
  expect([endpoint.href, publicKey]).toEqual([
    "https://o1.ingest.sentry.io/api/42/envelope/",
    "0123abcd",
  ]);
  expect(readDsn("http://k@sentry.internal:9000/some/folder/7").endpoint.href).toBe(
    "http://sentry.internal:9000/some/folder/api/7/envelope/",
  );
});

test("what is no DSN is refused, and not repeated", () => {
  for (const text of [
    "secret-of-somebody",
    "https://o1.ingest.sentry.io/42",
    "https://key@o1.ingest.sentry.io/",
    "https://key@o1.ingest.sentry.io/project",
    "https://key:secret-of-somebody@o1.ingest.sentry.io/42",
    "https://key@o1.ingest.sentry.io/42?token=secret-of-somebody",
    "ftp://key@o1.ingest.sentry.io/42",
    `https://${"k".repeat(201)}@o1.ingest.sentry.io/42`,
  ]) {
    expect(() => readDsn(text), text).toThrow(/^write the DSN as [^]*\/42$/);
  }
});
