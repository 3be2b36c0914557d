import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type CDPSession,
  type Page,
  chromium,
} from "playwright-core";
import { BROWSER_FLAGS, findBrowser } from "../../support/chromium.ts";

const IN_PAGE = readFileSync(join(import.meta.dirname, "in-page.js"), "utf8");

/** How far a change of screen or filter has come. */
export interface Followed {
  begunMs: number;
  doneMs: number;
}

/** Somebody who is logged in, in a browser whose clockwork is open to us. */
export class Visitor {
  readonly page: Page;
  readonly debug: CDPSession;
  readonly #browser: Browser;
  readonly #url: string;

  private constructor(browser: Browser, page: Page, debug: CDPSession, url: string) {
    this.#browser = browser;
    this.page = page;
    this.debug = debug;
    this.#url = url;
  }

  /** @param ticket of a link that works once */
  static async comeIn(url: string, ticket: string): Promise<Visitor> {
    const executablePath = await findBrowser();
    if (executablePath === undefined) throw new Error("a browser is needed: install chromium");
    const browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
    const context: BrowserContext = await browser.newContext({
      viewport: { width: 1280, height: 800 },
    });
    await context.addInitScript({ content: IN_PAGE });
    const page = await context.newPage();
    const debug = await context.newCDPSession(page);
    for (const domain of ["Network", "Performance", "HeapProfiler"]) {
      await debug.send(`${domain}.enable` as "Network.enable");
    }
    await page.goto(`${url}/#t=${ticket}`);
    await page.waitForSelector("h1");
    return new Visitor(browser, page, debug, url);
  }

  /** Loads an address, until a selector is there. @param cold with nothing of the server in the browser's cache */
  async load(path: string, there: string, { cold = false } = {}): Promise<void> {
    // Of the same server, so that no process of the browser is begun anew.
    await this.page.goto(`${this.#url}/healthz`);
    if (cold) await this.debug.send("Network.clearBrowserCache");
    await this.page.goto(`${this.#url}${path}`, { waitUntil: "commit" });
    await this.page.waitForSelector(there, { state: "attached", timeout: 60_000 });
  }

  /** To another screen or filter, without loading the page. */
  async follow(to: string, there: string): Promise<Followed> {
    return this.page.evaluate<Followed>(
      `watched.follow(${JSON.stringify(to)}, ${JSON.stringify(there)})`,
    );
  }

  /** Bytes of script objects that are in use, once all garbage is gone. */
  async heapBytes(): Promise<number> {
    await this.debug.send("HeapProfiler.collectGarbage");
    const { metrics } = await this.debug.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "JSHeapUsedSize")!.value;
  }

  async slowDown(times: number): Promise<void> {
    await this.debug.send("Emulation.setCPUThrottlingRate", { rate: times });
  }

  async leave(): Promise<void> {
    await this.#browser.close();
  }
}
