import { defineJob } from "@millrace/sdk";
import { JobRegistry } from "millrace";
import { expect, test } from "vitest";
import { type ApiUnderTest, startApi } from "../support/api.ts";

const MARCH = "from=2031-03-01T00:00:00Z&until=2031-04-01T00:00:00Z";

async function schedule(api: ApiUnderTest, json: object): Promise<void> {
  const { status, body } = await api.call("/api/v1/schedules", { json });
  expect(status, JSON.stringify(body)).toBe(201);
}

const agenda = async (api: ApiUnderTest, query = MARCH, key?: string) =>
  (await api.call(`/api/v1/agenda?${query}`, key ? { key } : {})).body;

test("an agenda has all schedules in a range, in the order of time, with the changes of the clocks", async () => {
  const api = await startApi();
  await schedule(api, {
    name: "weekly",
    job: "nothing",
    cron: "0 7 * * mon",
    timeZone: "Europe/Lisbon",
  });
  await schedule(api, { name: "often", job: "nothing", cron: "* * * * * *" });
  await schedule(api, { name: "resting", job: "nothing", cron: "0 0 * * *" });
  await api.call("/api/v1/schedules/resting/pause", { method: "POST" });
  const told = await agenda(api);
  const weekly = told.occurrences.filter((one: { schedule: string }) => one.schedule === "weekly");
  expect(weekly.map(({ local }: { local: string }) => local)).toEqual([
    "2031-03-03T07:00:00+00:00",
    "2031-03-10T07:00:00+00:00",
    "2031-03-17T07:00:00+00:00",
    "2031-03-24T07:00:00+00:00",
    "2031-03-31T07:00:00+01:00",
  ]);
  expect(told.shifts).toEqual([
    { zone: "Europe/Lisbon", at: "2031-03-30T01:00:00.000Z", minutes: 60 },
  ]);
  const times = told.occurrences.map(({ at }: { at: string }) => at);
  expect(times).toEqual(times.toSorted());
  expect(told.truncated).toEqual([{ schedule: "often", after: "2031-03-01T00:11:05.000Z" }]);
  expect(JSON.stringify(told)).not.toContain("resting");
  expect(told.complete).toBe(true);
});

test("a range is a month from now unless told, and not longer than six weeks", async () => {
  const api = await startApi();
  await schedule(api, { name: "daily", job: "nothing", cron: "0 7 * * *" });
  expect((await agenda(api, "")).occurrences).toHaveLength(31);
  for (const query of [
    "from=2031-01-02T00:00:00Z&until=2031-01-01T00:00:00Z",
    "from=2031-01-01T00:00:00Z&until=2031-03-01T00:00:00Z",
  ]) {
    expect(await agenda(api, query)).toMatchObject({ code: "invalid_request", pointer: "/until" });
  }
});

test("who is confined to a project sees its schedules alone", async () => {
  const api = await startApi();
  await api.call("/api/v1/projects", { json: { name: "crm" } });
  const sync = defineJob({ name: "crm/sync", run: () => null });
  await new JobRegistry([sync]).register(api.db, { project: "crm" });
  const made = await api.call("/api/v1/keys", {
    json: { name: "of crm", role: "viewer", projects: ["crm"] },
  });
  await schedule(api, { name: "other", job: "nothing", cron: "0 7 * * *", timeZone: "Asia/Tokyo" });
  await schedule(api, { name: "own", job: "crm/sync", cron: "0 7 * * mon" });
  const told = await agenda(api, MARCH, made.body.key);
  expect(told.occurrences).toHaveLength(5);
  expect(JSON.stringify(told)).not.toMatch(/other|Tokyo/);
});
