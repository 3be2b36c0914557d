import type { OperationPreview, PatchPreview } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { type Done, act } from "../../data/act.ts";

/** Who writes shall not ask at each letter. */
const SETTLE_MS = 300;

type Look<T> = (path: string, body: unknown) => Promise<Done<T>>;

/** What a patch makes of one input. */
export const ofOne: Look<PatchPreview> = (path, body) => act(path, { body }, []);

/** What an operation would be about. */
export const ofMany: Look<OperationPreview> = (path, body) => act(path, { body }, []);

/**
 * What the server says that something would do. It changes nothing.
 *
 * @param look {@link ofOne} or {@link ofMany}
 * @param body undefined while there is nothing to ask
 * @returns undefined until it has answered to just this
 */
export function usePreview<T>(look: Look<T>, path: string, body: unknown): Done<T> | undefined {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const [answer, setAnswer] = useState<{ text: string; said: Done<T> }>();
  useEffect(() => {
    if (text === undefined) return;
    let wanted = true;
    const ask = async () => {
      const said = await look(path, JSON.parse(text));
      if (wanted) setAnswer({ text, said });
    };
    const timer = setTimeout(() => void ask(), SETTLE_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [look, path, text]);
  return answer?.text === text ? answer?.said : undefined;
}
