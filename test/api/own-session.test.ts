import { OwnSessions } from "millrace";
import { expect, test } from "vitest";
import { startApi } from "../support/api.ts";

const AGENT = "a browser of the test";

function comeIn(url: string, ticket: string): Promise<Response> {
  return fetch(`${url}/api/v1/session/ticket`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url, "user-agent": AGENT },
    body: JSON.stringify({ ticket }),
  });
}

test("who comes in by a link is on record: how, from where, and with what", async () => {
  const ownSessions = new OwnSessions();
  const api = await startApi({ ownSessions });
  const made = await api.call("/api/v1/session/tickets", { json: {} });
  const { ticket } = made.body;
  const answer = await comeIn(api.url, ticket);
  expect(answer.status).toBe(204);
  const { entries } = (await api.call("/api/v1/audit?action=session.began")).body;
  expect(entries).toMatchObject([
    {
      ...{ actor: "api", role: "admin", address: "127.0.0.1", object: "api" },
      ...{ request: answer.headers.get("x-request-id"), after: { by: "link", agent: AGENT } },
    },
  ]);
  expect(JSON.stringify(entries)).not.toContain(ticket);

  expect((await comeIn(api.url, ticket)).status).toBe(401);
  expect((await api.call("/api/v1/audit?action=session.began")).body.entries).toHaveLength(1);
});

test("nobody comes in by a link while it cannot be put on record", async () => {
  const ownSessions = new OwnSessions();
  const api = await startApi({ ownSessions });
  await api.db.query("alter table millrace.audit rename to no_audit");
  const { text } = ownSessions.makeTicket();
  const answer = await comeIn(api.url, text);
  expect(answer.status).toBeGreaterThanOrEqual(500);
  expect(answer.headers.get("set-cookie")).toBeNull();
});
