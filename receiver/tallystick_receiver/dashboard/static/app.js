// The composition root: addresses, pages, the session, and what is shown when there is no answer.

import { address, ask, filtersOf } from "./api.js";
import { fill, h } from "./dom.js";
import { live } from "./live.js";
import { News } from "./news.js";
import { panel } from "./parts.js";
import { timeIn } from "./period.js";
import { signIn } from "./pages/sign_in.js";
import { shell } from "./shell.js";
import { addressOf, stateOf } from "./state.js";

const PAGES = {
  usage: () => import("./pages/usage.js"),
  breakdown: () => import("./pages/breakdown.js"),
  cost: () => import("./pages/cost.js"),
  alerts: () => import("./pages/alerts.js"),
  metrics: () => import("./pages/metrics.js"),
  health: () => import("./pages/health.js"),
};
const main = document.getElementById("main");
const news = new News();
let session = null;
let loop = { stop: () => {}, soon: () => {} };
let shown = null;

function show({ moveFocus = false } = {}) {
  loop.stop();
  const state = stateOf();
  const isOther = shown?.page !== state.page;
  shown = { page: state.page, at: isOther ? null : shown?.at, last: isOther ? null : shown.last };
  const own = shown;
  shell(state, session, { link: linkFrom(state), go: goFrom(state), signOut, redraw: () => own.after?.() });
  if (session?.state === "signedOut") return askForKey();
  if (isOther) fill(main, h("p", { class: "loading", role: "status", "data-key": "loading" }, "Loading"));
  main.setAttribute("aria-busy", "true");
  let page = null;
  let round = null;
  let isFirst = true;
  const look = async (signal) => {
    try {
      session ??= await askSession(state);
      if (session.state === "signedOut") return askForKey();
      if (round === null) {
        page = await PAGES[state.page]();
        document.title = `${page.title} · Tallystick`;
        round = page.open(state, {
          session,
          go: goFrom(state),
          link: linkFrom(state),
          exportLink: exportLinkFrom(state),
          again: () => loop.soon(),
        });
      }
      const { content, after } = await round(signal);
      if (signal.aborted || shown !== own) return true;
      news.listen(page.topics, state.org);
      Object.assign(own, { at: new Date(), last: content, after });
      fill(main, content);
      main.setAttribute("aria-busy", "false");
      if (isFirst && moveFocus) heading()?.focus();
      isFirst = false;
      after?.()?.catch?.(() => {});
      return true;
    } catch (problem) {
      if (signal.aborted) return false;
      return trouble(problem, state);
    }
  };
  loop = live(look, { news });
  return null;
}

/** No answer: say so and keep the last figures in sight, with their time; a session that ended is begun again. */
function trouble(problem, state) {
  main.setAttribute("aria-busy", "false");
  if (problem.status === 401) {
    session = { state: "signedOut" };
    shell(state, session, { link: linkFrom(state), go: goFrom(state), signOut, redraw: () => {} });
    return askForKey("The session has ended.");
  }
  if (problem.status === 403)
    return instead(
      panel(
        "denied",
        "Not with this key",
        h("p", {}, `${problem.message}.`),
        h(
          "p",
          {},
          h("a", { href: linkFrom(state)({ org: null, project: null, filters: [] }) }, "Show what this key may see"),
        ),
      ),
    );
  if (problem.status === 400 || problem.status === 404)
    return instead(
      panel(
        "error",
        "This cannot be answered",
        h("p", {}, `${problem.message}.`),
        h("p", {}, h("a", { href: "/" }, "Start again")),
      ),
    );
  if (!(problem.status === 0 || problem.status >= 500)) console.warn(problem);
  const what =
    problem.status === 0
      ? "The receiver does not answer"
      : problem.status === 503
        ? "The database does not answer"
        : "Something went wrong";
  const since = shown.at
    ? `The figures below are of ${timeIn(state.tz, shown.at)}, and may be old.`
    : "There are no figures yet.";
  const notice = h(
    "p",
    { class: "trouble", role: "alert", "data-key": "trouble" },
    h("b", {}, `${what}.`),
    ` ${since} Nothing that was acknowledged is lost; this page goes on by itself as soon as there is an answer.`,
  );
  if (shown.last === null || shown.last === undefined) fill(main, notice);
  else if (main.querySelector('[data-key="trouble"]') === null) main.prepend(notice);
  return false;
}

function instead(content) {
  fill(main, content);
  return true;
}

async function askSession(state) {
  const found = await ask("/api/v1/session");
  shell(state, found, { link: linkFrom(state), go: goFrom(state), signOut, redraw: () => shown.after?.() });
  return found;
}

function askForKey(why = null) {
  loop.stop();
  news.end();
  signIn(main, signedIn, why);
  return false;
}

function signedIn(found) {
  session = found;
  shown = null;
  show({ moveFocus: true });
}

async function signOut() {
  await ask("/api/v1/session", {}, { method: "DELETE" }).catch(() => {});
  session = null;
  shown = null;
  show();
}

function heading() {
  const found = main.querySelector("h1");
  found?.setAttribute("tabindex", "-1");
  return found;
}

const linkFrom = (state) => (patch) => addressOf({ ...state, ...patch });
const goFrom = (state) => (patch) => {
  history.pushState(null, "", addressOf({ ...state, ...patch }));
  show();
};
const exportLinkFrom = (state) => (period, type, groupBy) =>
  address("/api/v1/usage/export", {
    ...filtersOf(state),
    format: "csv",
    from: period.from,
    to: period.to,
    type,
    groupBy,
  });

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!(link.pathname === "/" || link.pathname.startsWith("/dashboard/")) || link.hash) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show({ moveFocus: true });
});
addEventListener("popstate", () => show({ moveFocus: true }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown?.after?.());
history.replaceState(null, "", addressOf(stateOf()));
show();
