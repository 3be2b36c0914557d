import { installByApt } from "./servers/find-or-start.ts";
import { installedProgram } from "./servers/installed-program.ts";

/** Debian's shell is Chromium without the windows and services that a person has around a page, and that no test sees. */
const SHELL = "chromium-headless-shell";
const NAMES = [SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** As Debian calls them; its older versions have no shell. */
const PACKAGES = [SHELL, "chromium"];

/** Without what a browser does by itself: nothing of it is tried here, and a closed network makes it slow. */
export const BROWSER_FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/**
 * The Chromium of MILLRACE_TEST_BROWSER, else an installed one, else one that apt-get installs, where this is Debian and we are root.
 *
 * @returns undefined where there is none; it is said why
 */
export async function findBrowser(): Promise<string | undefined> {
  const installed = () =>
    process.env["MILLRACE_TEST_BROWSER"] ??
    NAMES.map((name) => installedProgram(name)).find(Boolean);
  let found = installed();
  for (const name of PACKAGES) {
    if (found === undefined && (await installByApt(name))) found = installed();
  }
  if (found === undefined) {
    console.warn(
      "the tests of the dashboard are skipped: they need Chromium; install chromium, or set MILLRACE_TEST_BROWSER to its path",
    );
  }
  return found;
}
