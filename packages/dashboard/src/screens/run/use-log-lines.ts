import type { LogLine, LogPage } from "@millrace/core/api";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../../data/ask.ts";
import { Refused, type Trouble } from "../../data/problem.ts";

/** All lines of a run, of which no more than 20,000 are kept (docs/logs.md). @param grows whether it may say more */
export function useLogLines(id: string, grows: boolean) {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [trouble, setTrouble] = useState<Trouble>();
  const [complete, setComplete] = useState(false);
  const [asked, setAsked] = useState(0);
  const after = useRef(-1);
  useEffect(() => {
    const abort = new AbortController();
    const read = async () => {
      for (;;) {
        const path = `/api/v1/runs/${id}/logs?limit=1000&after=${after.current}`;
        const { data } = await ask<LogPage>(path, { signal: abort.signal });
        const page = data!.lines;
        if (page.length > 0) {
          after.current = page.at(-1)!.seq;
          setLines((old) => [...old, ...page]);
        }
        setTrouble(undefined);
        if (data!.next === null) break;
      }
      setComplete(true);
      if (grows) timer = setTimeout(go, 1000);
    };
    const go = () =>
      void read().catch((error: unknown) => {
        if (abort.signal.aborted) return;
        if (!(error instanceof Refused)) throw error;
        setTrouble(error.trouble);
        timer = setTimeout(go, 5000);
      });
    let timer: ReturnType<typeof setTimeout> | undefined;
    go();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id, grows, asked]);
  return { lines, trouble, complete, reload: () => setAsked((n) => n + 1) };
}
