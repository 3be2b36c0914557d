import type { Measured } from "./budget.ts";
import type { Visitor } from "./visitor.ts";

/** From a cold load of Home to the sheet that reruns the group that fails most, with the count and what would become of three: by keys alone. */
export async function measurePath(visitor: Visitor): Promise<Measured[]> {
  const { page } = visitor;
  let keys = 0;
  const press = async (key: string) => {
    keys++;
    await page.keyboard.press(key);
  };
  const startedAt = performance.now();
  await visitor.load("/", ".attention li a.open", { cold: true });
  await page.waitForSelector(".attention li:first-child a.open:focus");
  await press("Enter");
  await page.waitForSelector(".why .said");
  const whyMs = performance.now() - startedAt;
  await press("R");
  const go = page.getByRole("dialog").getByRole("button", { name: /^Rerun [\d,]+ runs?$/ });
  await go.waitFor();
  // What the server says of it: the dry run.
  await page
    .getByRole("dialog")
    .getByText(/HttpError|3 of|as it is/)
    .first()
    .waitFor();
  const sheetMs = performance.now() - startedAt;
  return [
    {
      budget: "from a cold Home to the sheet that reruns: keys",
      limit: 2,
      measured: keys,
      unit: "",
    },
    {
      ...{ budget: "from a cold Home to the sheet that reruns", limit: 10_000, unit: "ms" },
      ...{ measured: sheetMs, note: `why after ${Math.round(whyMs)} ms, and no time to think` },
    },
  ];
}
