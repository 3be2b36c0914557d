import { expect, test } from "vitest";
import { withProject } from "./project-column.ts";
import type { Column } from "./table.ts";

interface Row {
  name: string;
  project: string | null;
}

const NAME: Column<Row> = { title: "NAME", text: ({ name }) => name };

const titles = (projects: (string | null)[]) => {
  const rows = projects.map((project): Row => ({ name: "any", project }));
  return withProject([NAME], rows).map(({ title }) => title);
};

test("a project is shown where there are several, and not for what all share alone", () => {
  expect(titles([])).toEqual(["NAME"]);
  expect(titles(["default", "default", null])).toEqual(["NAME"]);
  expect(titles(["default", "crm", null])).toEqual(["NAME", "PROJECT"]);
  const row: Row = { name: "any", project: null };
  const [, column] = withProject([NAME], [row, { ...row, project: "a" }, { ...row, project: "b" }]);
  expect(column!.text(row)).toBe("all");
});
