import { useEffect, useState } from "preact/hooks";

export interface Health {
  ok: boolean;
  /** What was looked at, and how it is, in words. */
  checks: Record<string, string>;
}

const LOOK_EVERY_MS = 5000;

/**
 * What the process that answers says of itself. A check that fails is an answer, too: 503, with all of them.
 *
 * @param path /healthz or /readyz
 * @returns undefined until there is an answer; checks that say so when none came
 */
export function useHealth(path: string): Health | undefined {
  const [health, setHealth] = useState<Health>();
  useEffect(() => {
    let wanted = true;
    const look = async () => {
      if (document.visibilityState !== "visible") return;
      const said = await read(path);
      if (wanted) setHealth(said);
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    return () => {
      wanted = false;
      clearInterval(timer);
    };
  }, [path]);
  return health;
}

async function read(path: string): Promise<Health> {
  try {
    const answer = await fetch(path);
    const { checks } = (await answer.json()) as Pick<Health, "checks">;
    return { ok: answer.ok, checks };
  } catch {
    return { ok: false, checks: { server: "it does not answer" } };
  }
}
