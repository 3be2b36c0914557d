// What a page is asked about itself, put into it before anything of its own runs.

/** The next frame, once it was drawn: what comes of its callbacks is in it. @returns when that was */
function drawn() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.addEventListener("message", () => resolve(performance.now()), { once: true });
      port1.start();
      port2.postMessage(undefined);
    });
  });
}

/** @returns when the next frame begins */
function begun() {
  return new Promise((resolve) => {
    requestAnimationFrame(resolve);
  });
}

/** Frames of the last scroll, longest tasks, and what moved under the eye, since the page was begun or {@link watched.anew} was called. */
globalThis.watched = {
  ...{ tasks: [], shifts: [], paints: [] },

  anew() {
    this.tasks = [];
    this.shifts = [];
  },

  /** Follows a link as a click does. @returns milliseconds to the frame that shows it has begun, and to the one that has the new data */
  async follow(to, there) {
    const link = document.createElement("a");
    link.href = to;
    document.body.append(link);
    const main = document.getElementById("main");
    const isBusy = () => main.querySelector("[aria-busy=true], .bone") !== null;
    const before = main.textContent;
    const startedAt = performance.now();
    link.click();
    link.remove();
    let begunMs;
    for (;;) {
      const at = await drawn();
      if (begunMs === undefined && (isBusy() || main.textContent !== before))
        begunMs = at - startedAt;
      if (!isBusy() && main.querySelector(there)) {
        return { begunMs: begunMs ?? at - startedAt, doneMs: at - startedAt };
      }
      if (at - startedAt > 15_000) throw new Error(`${to} has shown no ${there} for 15 s`);
    }
  },

  /**
   * How long each frame was that the browser drew meanwhile, in milliseconds: from when it began one to when it began the next, which is late where the work
   * for one takes longer than a frame (HTML, "update the rendering": the time that its callbacks are given). When that work was over says how long it took.
   */
  async frames(ms, row) {
    const frames = [];
    let mostRows = 0;
    let last = await begun();
    for (const until = last + ms; last < until;) {
      const at = await begun();
      frames.push(at - last);
      last = at;
      if (row) mostRows = Math.max(mostRows, document.querySelectorAll(row).length);
    }
    return { frames, mostRows };
  },

  /** Scrolls a box to a part of its length. @returns milliseconds to the frame that shows what is there */
  async scrollTo(box, share, there) {
    const startedAt = performance.now();
    const element = document.querySelector(box);
    element.scrollTop = share * element.scrollHeight;
    for (;;) {
      const at = await drawn();
      if (there.test(element.textContent)) return at - startedAt;
      if (at - startedAt > 15_000) throw new Error(`${there} was not seen in ${box} for 15 s`);
    }
  },
};

for (const [type, kept] of [
  ["longtask", "tasks"],
  ["layout-shift", "shifts"],
  ["largest-contentful-paint", "paints"],
]) {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (type === "layout-shift" && entry.hadRecentInput) continue;
      globalThis.watched[kept].push(
        type === "longtask"
          ? entry.duration
          : type === "layout-shift"
            ? entry.value
            : entry.startTime,
      );
    }
  }).observe({ type, buffered: true });
}
