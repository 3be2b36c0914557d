import type { Aborted } from "@millrace/sdk";
import type { End, Handling } from "./handling.ts";

/**
 * A handler that is started when something else has been waited for, unless it is told to stop before.
 *
 * @param ready whether it may start; never rejects
 */
export function startLater(ready: Promise<boolean>, start: () => Handling): Handling {
  let handling: Handling | undefined;
  let stopped = false;
  let end!: (end: End) => void;
  const ended = new Promise<End>((resolve) => {
    end = resolve;
  });
  const begun = ready.then(async (may) => {
    if (stopped || !may) return end({ abandoned: true });
    handling = start();
    void Promise.resolve(handling.ended).then(end);
    await handling.begun;
  });
  const cancel = () => {
    stopped = true;
    end({ abandoned: true });
  };
  return {
    begun,
    ended,
    stop: (why: Aborted) => (handling ? handling.stop?.(why) : cancel()),
    // Whether there is such a thing as force depends on what was started.
    get kill() {
      if (!handling) return cancel;
      return handling.kill && (() => handling?.kill?.());
    },
  };
}
