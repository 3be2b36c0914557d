import { effect, signal } from "@preact/signals";

const THEMES = ["system", "light", "dark"] as const;
const DENSITIES = ["comfortable", "compact"] as const;

type Theme = (typeof THEMES)[number];

/** What somebody likes, kept in this browser. */
export const theme = signal<Theme>(kept("millrace-theme", THEMES));
export const density = signal(kept("millrace-density", DENSITIES));

/** Whether single letters do something (WCAG 2.1.4: they can be switched off). */
export const letters = signal(localStorage.getItem("millrace-letters") !== "off");

function kept<T extends string>(name: string, among: readonly [T, ...T[]]): T {
  const value = localStorage.getItem(name);
  return among.find((one) => one === value) ?? among[0];
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
}

export function toggleDensity(): void {
  density.value = density.value === "compact" ? "comfortable" : "compact";
}

/** Follows what is chosen. */
export function keepAppearance(): void {
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
    localStorage.setItem("millrace-theme", theme.value);
  });
  effect(() => {
    document.documentElement.dataset["density"] = density.value;
    localStorage.setItem("millrace-density", density.value);
  });
  effect(() => localStorage.setItem("millrace-letters", letters.value ? "on" : "off"));
}
