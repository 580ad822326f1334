// Looking again and again: one round after the other, never faster than the answers come, never while nobody looks.

const PAUSE_MIN = 3000;
const SLOWNESS = 5;
const TROUBLE = 2000;

/** Run `round` now and, while the page is visible, again and again; returns how to end it and how to hurry it. */
export function live(round, { pause = PAUSE_MIN } = {}) {
  const ending = new AbortController();
  const { signal } = ending;
  const haste = new EventTarget();
  let isHasty = false;
  haste.addEventListener("soon", () => (isHasty = true));
  (async () => {
    while (!signal.aborted) {
      await visible(signal);
      isHasty = false;
      const began = performance.now();
      const isWell = await round(signal);
      const took = performance.now() - began;
      // Whoever asked for haste while the round was under way may have changed what it asked for.
      if (!isWell || !isHasty) await sleep(isWell ? Math.max(pause, SLOWNESS * took) : TROUBLE, signal, haste);
    }
  })();
  return { stop: () => ending.abort(), soon: () => haste.dispatchEvent(new Event("soon")) };
}

function sleep(milliseconds, signal, haste) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      haste.removeEventListener("soon", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
    haste.addEventListener("soon", end);
  });
}

function visible(signal) {
  if (document.visibilityState === "visible") return null;
  return new Promise((done) => {
    const look = () => {
      if (document.visibilityState !== "visible" && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
  });
}
