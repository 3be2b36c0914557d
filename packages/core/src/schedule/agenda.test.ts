import { expect, test } from "vitest";
import { agendaOf, shiftsOf } from "./agenda.ts";
import { scheduleRule } from "./rule.ts";

const at = (text: string) => Date.parse(text);
const [from, until] = [at("2027-03-01T00:00:00Z"), at("2027-04-01T00:00:00Z")];

test("an agenda has each time of a schedule in the range, by the clock of its zone", () => {
  const rule = scheduleRule({ cron: "30 2 * * *", timeZone: "Europe/Berlin" });
  const scheduled = { name: "nightly", job: "any", rule, notBefore: -Infinity };
  const { entries, more } = agendaOf(scheduled, from, until, 100);
  expect(more).toBeNull();
  expect(entries).toHaveLength(31);
  expect(entries[0]).toMatchObject({
    at: "2027-03-01T01:30:00.000Z",
    local: "2027-03-01T02:30:00+01:00",
    dst: null,
  });
  expect(entries.find(({ dst }) => dst === "gap")).toMatchObject({
    at: "2027-03-28T01:00:00.000Z",
  });
  const some = agendaOf({ ...scheduled, notBefore: at("2027-03-10T00:00:00Z") }, from, until, 5);
  expect(some.entries.map((entry) => entry.at.slice(8, 10))).toEqual([
    "10",
    "11",
    "12",
    "13",
    "14",
  ]);
  expect(some.more).toBe(some.entries.at(-1)!.at);
});

test("changes of the clocks are told with their minutes", () => {
  expect(shiftsOf("Europe/Berlin", from, until)).toEqual([
    { zone: "Europe/Berlin", at: "2027-03-28T01:00:00.000Z", minutes: 60 },
  ]);
  expect(
    shiftsOf("America/New_York", at("2027-11-01T00:00:00Z"), at("2027-12-01T00:00:00Z")),
  ).toMatchObject([{ minutes: -60 }]);
  expect(shiftsOf("UTC", from, until)).toEqual([]);
});
