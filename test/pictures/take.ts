/**
 * `npm run pictures -- --into FOLDER`: every screen of the dashboard beside a company at work, light and dark, wide and narrow, to be looked at one by one.
 * The clock of the pages stands still. With `--docs` the pictures of README.md are made anew instead: texts, of light and dark in one.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Browser, type Page, chromium } from "playwright-core";
import { scriptDatabase } from "../faults/harness/script.ts";
import { BROWSER_FLAGS, findBrowser } from "../support/chromium.ts";
import { asSvg } from "./as-svg.mjs";
import { Company } from "./company.ts";
import { type Told, keepQuarter, tellPast, tellStory } from "./story.ts";

const SIZES = [
  { name: "wide", width: 1280, height: 860 },
  { name: "narrow", width: 390, height: 844 },
];

/** Of each screen the address, and what is done there before the picture is taken. */
const PICTURES: Record<string, (told: Told & { incident: string }) => string> = {
  home: () => "/",
  "home-then": () => `/?at=${new Date(Date.now() - 20 * 60_000).toISOString()}`,
  incidents: () => "/i",
  incident: ({ incident }) => `/i/${incident}`,
  runs: () => "/runs",
  "runs-search": () => "/runs?q=job:contact.sync%20status:failed%20input.region:eu",
  "run-failed": ({ failed }) => `/runs/${failed}`,
  "run-workflow": ({ workflow }) => `/runs/${workflow}`,
  "run-steps": ({ workflow }) => `/runs/${workflow}?tab=steps`,
  "run-running": ({ importing }) => `/runs/${importing}?tab=logs`,
  errors: () => "/errors",
  "error-group": ({ fingerprint }) => `/errors/${fingerprint}`,
  dead: () => "/dead",
  "dead-group": ({ fingerprint }) => `/dead?group=${fingerprint}`,
  queues: () => "/queues",
  queue: () => "/queues/mail",
  "queue-drain": () => "/queues/crm?do=drain",
  workers: () => "/workers",
  "worker-stack": () => "/workers?stack=1",
  jobs: () => "/jobs",
  job: () => "/jobs/contact.sync",
  "job-disabled": () => "/jobs/sessions.clean",
  schedules: () => "/schedules",
  month: () => "/schedules?tab=month",
  schedule: () => "/schedules/digest",
  waiting: () => "/waiting",
  bulk: () => "/bulk",
  operation: () => "/bulk/1",
  alerts: () => "/alerts",
  "alert-rules": () => "/alerts?tab=rules",
  "alert-targets": () => "/alerts?tab=targets",
  silences: () => "/alerts?tab=silences",
  keys: () => "/settings",
  people: () => "/settings?tab=people",
  secrets: () => "/settings?tab=secrets",
  webhooks: () => "/settings?tab=webhooks",
  projects: () => "/settings?tab=projects",
  audit: () => "/settings?tab=audit",
  system: () => "/system",
};

/** Those of README.md, with what they show. */
const DOCS = {
  home: "Home: what needs attention, four numbers with their last hour, and how runs ended",
  "run-failed": "A run that failed, why, and what each of its tries took",
  "error-group": "A group of errors: what the runs that failed have in common",
};
const ROOT = join(import.meta.dirname, "../..");
const DOCS_FOLDER = join(ROOT, "docs/pictures");

async function main(): Promise<void> {
  const {
    into = "pictures",
    only,
    docs = false,
  } = parseArgs({
    options: { into: { type: "string" }, only: { type: "string" }, docs: { type: "boolean" } },
  }).values;
  const known = Object.keys(PICTURES);
  const chosen = only?.split(",") ?? known;
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: one of ${known.join(", ")}`);
  const program = await findBrowser();
  if (program === undefined) throw new Error("pictures are taken in Chromium");
  mkdirSync(docs ? DOCS_FOLDER : into, { recursive: true });
  const database = await scriptDatabase();
  try {
    await using company = await Company.open(database.url);
    const story = await tellStory(company.ask);
    await tellPast(company.db);
    const incident = await keepQuarter(company.db, company.ask, story.fingerprint);
    const told = { ...story, incident };
    await using browser = await chromium.launch({ executablePath: program, args: BROWSER_FLAGS });
    if (docs) await draw(browser, company, told);
    for (const theme of docs ? [] : (["light", "dark"] as const)) {
      await take(browser, company, { theme, told, chosen, into });
    }
  } finally {
    await database.close();
  }
  process.stderr.write("\n");
}

interface Order {
  theme: "light" | "dark";
  told: Told & { incident: string };
  chosen: readonly string[];
  into: string;
}

async function take(browser: Browser, company: Company, order: Order): Promise<void> {
  const { theme, told, chosen, into } = order;
  const context = await browser.newContext({ colorScheme: theme, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(await company.link());
  await settled(page);
  for (const name of chosen) {
    for (const { name: size, ...viewport } of SIZES) {
      await page.setViewportSize(viewport);
      await page.clock.setFixedTime(new Date());
      await page.goto(company.url + PICTURES[name]!(told));
      await settled(page);
      // What has rows for as long as one scrolls draws only those that are seen.
      const height = await page.evaluate<number>("document.documentElement.scrollHeight");
      const path = join(into, `${name}-${size}-${theme}.png`);
      await page.screenshot({ path, fullPage: height < 3 * viewport.height });
    }
    process.stderr.write(".");
  }
  await context.close();
}

async function draw(
  browser: Browser,
  company: Company,
  told: Told & { incident: string },
): Promise<void> {
  const [width, height] = [1280, 720];
  const page = await browser.newPage({ viewport: { width, height }, reducedMotion: "reduce" });
  await page.goto(await company.link());
  await settled(page);
  for (const [name, label] of Object.entries(DOCS)) {
    await page.clock.setFixedTime(new Date());
    await page.goto(company.url + PICTURES[name]!(told));
    await settled(page);
    const text = await page.evaluate(asSvg, { width, height, label });
    writeFileSync(join(DOCS_FOLDER, `${name}.svg`), text.replaceAll(ROOT, "/srv/millrace"));
    process.stderr.write(".");
  }
}

/** Until nothing of the page is under way, and it is told what changes. */
async function settled(page: Page): Promise<void> {
  await page.waitForSelector("main h1");
  await page.locator("p.live", { hasText: "live" }).first().waitFor({ state: "attached" });
  await page.locator("main [aria-busy=true]").first().waitFor({ state: "detached" });
  // How runs ended comes after the list that it is above.
  await page.locator(".scrubber-strip:empty").waitFor({ state: "detached" });
}

await main();
