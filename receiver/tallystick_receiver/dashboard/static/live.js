// Looking again: when something changed, else now and then; never faster than the answers come, never while nobody looks.

const PAUSE = 3000;
const PAUSE_TOLD = 10000;
const PAUSE_NEWS = 1000;
const SLOWNESS = 5;
const TROUBLE = 2000;

/**
 * Run `round` now and, while the page is visible, again and again; returns how to end it and how to hurry it.
 *
 * Whoever has `news` (news.js) need not look every `pause` for what changed by a commit, only for what time changes.
 */
export function live(round, { pause = PAUSE, news = null } = {}) {
  const ending = new AbortController();
  const { signal } = ending;
  const haste = new EventTarget();
  let isHasty = false;
  let isNews = false;
  haste.addEventListener("soon", () => (isHasty = true));
  news?.addEventListener("news", () => (isNews = true), { signal });

  async function rest(took) {
    // Whoever asked for haste while the round was under way may have changed what it asked for.
    if (isHasty) return;
    await sleep(Math.max(news?.isOn ? PAUSE_NEWS : pause, SLOWNESS * took), signal, haste);
    if (news?.isOn && !isHasty && !isNews) await sleep(PAUSE_TOLD, signal, haste, news);
  }

  (async () => {
    while (!signal.aborted) {
      await visible(signal);
      isHasty = isNews = false;
      const began = performance.now();
      const isWell = await round(signal);
      await (isWell ? rest(performance.now() - began) : sleep(TROUBLE, signal, haste));
    }
  })();
  return { stop: () => ending.abort(), soon: () => haste.dispatchEvent(new Event("soon")) };
}

/** So long, or until there is haste, or news. */
function sleep(milliseconds, signal, haste, news = null) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      haste.removeEventListener("soon", end);
      news?.removeEventListener("news", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
    haste.addEventListener("soon", end);
    news?.addEventListener("news", end);
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
