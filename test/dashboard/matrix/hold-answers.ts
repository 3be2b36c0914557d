import type { Page } from "playwright-core";

/** Keeps back what the API is asked, but who looks. @returns has all of it answered */
export async function holdAnswers(page: Page): Promise<() => void> {
  let go = () => {};
  const answered = new Promise<void>((resolve) => {
    go = resolve;
  });
  await page.route(/\/api\/v1\/(?!keys\/me)/, async (route) => {
    await answered;
    await route.continue();
  });
  return go;
}
