import type { OperationPreview, PatchPreview } from "@millrace/core/api";
import { useEffect, useState } from "preact/hooks";
import { type Done, act } from "../../data/act.ts";

/** Who writes shall not ask at each letter. */
const SETTLE_MS = 300;

/**
 * What the server says that something would do. It changes nothing.
 *
 * @param body undefined while there is nothing to ask
 * @returns undefined until it has answered to just this
 */
export function usePreview<T extends PatchPreview | OperationPreview>(
  path: string,
  body: unknown,
): Done<T> | undefined {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const [answer, setAnswer] = useState<{ text: string; said: Done<T> }>();
  useEffect(() => {
    if (text === undefined) return;
    let wanted = true;
    const look = async () => {
      const said = await act<T>(path, { body: JSON.parse(text) as unknown }, []);
      if (wanted) setAnswer({ text, said });
    };
    const timer = setTimeout(() => void look(), SETTLE_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [path, text]);
  return answer?.text === text ? answer?.said : undefined;
}
