// <tallystick-usage>: usage of one organisation on any page, asked of the receiver that this module comes from.

import { ask, AWAY, Problem } from "../api.js";
import { fill } from "../dom.js";
import { live } from "../live.js";
import { periodOf } from "../period.js";
import { localZone } from "../state.js";
import { Access } from "./access.js";
import { sheet } from "./sheet.js";
import { widget } from "./view.js";

const RECEIVER = new URL("../../../", import.meta.url);
const PAUSE = 10000;
const RANGES = ["today", "7d", "30d", "month", "last-month", "custom"];
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const ASKING = ["metric", "range", "from", "to", "project", "org", "tz", "token-url"];

/**
 * Attributes: metric, range, from, to, project, org, tz, theme, token, token-url.
 * The event `tallystick-token` ({reason: "missing" | "expired"}) asks the page to set `token`, where no token-url does.
 */
export class TallystickUsage extends HTMLElement {
  static observedAttributes = [...ASKING, "token"];
  #body = document.createElement("div");
  #access = new Access(isSignedOut);
  #loop = null;
  #last = null;
  #isDue = false;
  #isRefused = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#body);
  }

  connectedCallback() {
    if (Object.hasOwn(this, "token")) {
      // The page set it before this module was there.
      const { token } = this;
      delete this.token;
      this.token = token;
    }
    this.#begin();
  }

  disconnectedCallback() {
    this.#loop?.stop();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "token") this.token = now;
    else this.#begin();
  }

  /** The read token; set like this, it does not stand in the document. */
  set token(token) {
    this.#access.give(token);
    if (this.#isRefused) this.#begin();
  }

  /** Once for all attributes that a page changes together. */
  #begin() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#loop?.stop();
      if (this.isConnected) this.#look();
    });
  }

  #look() {
    const state = this.#state();
    const url = this.getAttribute("token-url");
    this.#last = null;
    this.#isRefused = false;
    const mistake = mistakeIn(state, url);
    if (mistake !== null) return this.#show(state, mistake);
    this.#access.from(url === null ? null : new URL(url, document.baseURI));
    this.#show(state, "Loading", false);
    const loop = live(
      async (signal) => {
        try {
          const period = periodOf(state);
          const answer = await this.#ask(state, questionOf(state, period), signal);
          this.#last = { period, answer, at: new Date() };
          this.#show(state);
          return true;
        } catch (problem) {
          if (signal.aborted) return false;
          this.#show(state, sentenceOf(problem));
          // Asked again, this would be refused again: it waits for another token or other attributes.
          this.#isRefused = problem.status === 400 || problem.status === 403;
          if (this.#isRefused) loop.stop();
          return false;
        }
      },
      { pause: PAUSE },
    );
    this.#loop = loop;
    return null;
  }

  /** The answer; where the token is refused, with the next one. */
  async #ask(state, question, signal) {
    let reason = "missing";
    for (;;) {
      const token = await this.#access.get(() => this.#announce(state, reason), signal);
      try {
        const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
        return await ask(new URL("api/usage", RECEIVER).href, question, { headers, signal });
      } catch (problem) {
        if (problem.status === 401) this.#access.refused(token);
        if (problem.status !== 401 || reason === "expired") throw problem;
        reason = "expired";
      }
    }
  }

  #announce(state, reason) {
    this.#show(state, reason === "missing" ? "Waiting for access" : "The access has expired", this.#last !== null);
    this.dispatchEvent(new CustomEvent("tallystick-token", { detail: { reason }, bubbles: true, composed: true }));
  }

  #show(state, notice = null, isTrouble = true) {
    fill(this.#body, widget({ ...this.#last, state, notice, isTrouble, now: new Date() }));
  }

  #state() {
    const given = (name) => this.getAttribute(name) || null;
    const [from, to] = [given("from"), given("to")];
    return {
      range: given("range") ?? (from || to ? "custom" : "month"),
      from,
      to,
      tz: given("tz") ?? localZone,
      org: given("org"),
      project: given("project"),
      metric: given("metric"),
    };
  }
}

/** What is wrong with the attributes; null where nothing is. A figure of another period than is meant helps nobody. */
function mistakeIn({ range, from, to, tz }, url) {
  if (!RANGES.includes(range)) return `range must be one of ${RANGES.join(", ")}`;
  if (range === "custom" && !(DATE.test(from ?? "") && DATE.test(to ?? "") && from <= to))
    return "from and to must be days, like 2026-11-01";
  try {
    new Intl.DateTimeFormat("en", { timeZone: tz });
  } catch {
    return `there is no time zone ${tz}`;
  }
  return url === null || URL.canParse(url, document.baseURI) ? null : "token-url is no address";
}

function questionOf(state, period) {
  return {
    orgId: state.org,
    projectId: state.project,
    type: state.metric,
    tz: state.tz,
    from: period.from,
    to: period.to,
    groupBy: `type,${period.bucket}`,
  };
}

function sentenceOf(problem) {
  if (!(problem instanceof Problem)) console.error(problem);
  else if (problem.message === AWAY) return "The receiver is away, or does not allow this site (embed_origins)";
  else if ([0, 400, 401, 403].includes(problem.status)) return problem.message;
  return "There is no answer at the moment";
}

/** Whether somebody must bring a token: on the receiver's own pages a session may do, or it has no keys. */
async function isSignedOut() {
  if (location.origin !== RECEIVER.origin) return true;
  return (await ask(new URL("api/v1/session", RECEIVER).href)).state === "signedOut";
}

customElements.define("tallystick-usage", TallystickUsage);
