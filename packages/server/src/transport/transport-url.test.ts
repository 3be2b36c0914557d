import { expect, test } from "vitest";
import { inTheClear, readTransportUrl } from "./transport-url.ts";

test("the URL says which transport, where, and as whom", () => {
  expect(readTransportUrl("postgres")).toEqual({ kind: "postgres" });
  expect(readTransportUrl("rediss://me:p%40ss@cache.example:6380/3?prefix=staging")).toEqual({
    kind: "redis",
    host: "cache.example",
    port: 6380,
    user: "me",
    password: "p@ss",
    tls: true,
    prefix: "staging",
    database: 3,
  });
  expect(readTransportUrl("redis://[::1]")).toMatchObject({ host: "::1", port: 6379, database: 0 });
  expect(readTransportUrl("amqp://localhost")).toMatchObject({
    kind: "rabbitmq",
    port: 5672,
    vhost: "/",
    user: undefined,
    prefix: "millrace",
  });
  expect(readTransportUrl("amqps://a:b@mq.example/%2Fours")).toMatchObject({
    port: 5671,
    tls: true,
    vhost: "/ours",
  });
  expect(readTransportUrl("sqs://eu-west-1/ours.fifo")).toEqual({
    kind: "sqs",
    region: "eu-west-1",
    endpoint: undefined,
    prefix: "ours",
    fifo: true,
  });
});

test.each([
  "redis",
  "kafka://host",
  "redis://",
  "rediss://host/zero",
  "redis://host",
  "amqp://user:secret@mq.example/",
  "redis://host/?tls=on",
  "rediss://host/?tls=off",
  "rediss://host/?tls[rejectUnauthorized]=false",
  "rediss://host/?prefix=a&prefix=b",
  "rediss://host/?prefix={x}",
  "rediss://:sec#ret@host",
  "rediss://:%zz@host",
  "amqps://host/?verify=verify_none",
  "sqs://key:secret@eu-west-1/ours",
  "sqs://eu-west-1/ours?endpoint=http://sqs.example",
  "sqs://eu-west-1/ours?endpoint=ftp://127.0.0.1",
])("%s is refused, without a word of it", (text) => {
  let message = "";
  try {
    readTransportUrl(text);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).not.toBe("");
  for (const secret of ["secret", "sec", "sqs.example", "zz"])
    expect(message).not.toContain(secret);
});

test("what goes to another machine without TLS is in the clear", () => {
  const clear = (text: string) => inTheClear(readTransportUrl(text));
  expect(["redis://cache/?tls=off", "amqp://mq.example/?tls=off"].map(clear)).toEqual([true, true]);
  for (const text of ["rediss://cache", "redis://127.0.0.1", "amqp://localhost", "redis://[::1]"]) {
    expect(clear(text), text).toBe(false);
  }
  expect(clear("postgres")).toBe(false);
});
