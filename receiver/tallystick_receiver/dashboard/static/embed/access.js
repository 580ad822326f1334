// Where the token of a widget comes from: the page gives it, or its backend does at an address of its own.

import { Problem } from "../api.js";

const SECONDS_MAX = 30;
const LATE = 0.8;
const PAUSE_MIN = 5000;
const PAUSE_MAX = 60000;

/** Tokens of one address, for all widgets of a page that name it. */
class Source {
  #url;
  #token = null;
  #dueAt = 0;
  #asking = null;
  #pause = 0;
  #quietUntil = 0;
  #trouble = null;

  constructor(url) {
    this.#url = url;
  }

  /** The token, a new one when it is about to expire. Throws a Problem where there is none. */
  async get() {
    if (this.#token !== null && performance.now() < this.#dueAt) return this.#token;
    if (performance.now() >= this.#quietUntil) {
      this.#asking ??= this.#ask().finally(() => (this.#asking = null));
      await this.#asking;
    }
    if (this.#token === null) throw this.#trouble;
    return this.#token;
  }

  /** The receiver does not take this token. */
  refused(token) {
    if (token !== this.#token) return;
    this.#token = null;
    this.#trouble = this.#problem("its tokens are refused");
  }

  #problem(why) {
    return new Problem(0, `There is no access: ${this.#url.pathname} cannot be used, ${why}`);
  }

  async #ask() {
    try {
      const response = await fetch(this.#url, { cache: "no-store", signal: AbortSignal.timeout(SECONDS_MAX * 1000) });
      if (!response.ok) throw new Error(`it answers ${response.status}`);
      const { token, lifetimeSeconds } = await response.json();
      if (typeof token !== "string") throw new Error("its answer has no token");
      this.#token = token;
      // By this browser's own count of seconds: its clock may be wrong.
      this.#dueAt = lifetimeSeconds > 0 ? performance.now() + LATE * 1000 * lifetimeSeconds : Infinity;
      // A token that is refused again and again must not make a browser ask without a pause.
      this.#quietUntil = performance.now() + PAUSE_MIN;
      this.#pause = 0;
    } catch (error) {
      this.#trouble = this.#problem(error.message);
      this.#pause = Math.min(Math.max(2 * this.#pause, PAUSE_MIN), PAUSE_MAX);
      this.#quietUntil = performance.now() + this.#pause;
    }
  }
}

const sources = new Map();

/** The access of one widget: what the page gave, else of an address, else none where none is needed. */
export class Access {
  #given = null;
  #source = null;
  #isNeeded = null;
  #findOut;
  #news = new EventTarget();

  /** `findOut` says whether nothing can be asked without a token; it is asked once. */
  constructor(findOut) {
    this.#findOut = findOut;
  }

  /** A token from the page; null takes it back. */
  give(token) {
    this.#given = token || null;
    this.#news.dispatchEvent(new Event("news"));
  }

  /** Ask this address of the page's own backend for tokens; null: no longer. */
  from(url) {
    if (url !== null && !sources.has(url.href)) sources.set(url.href, new Source(url));
    this.#source = url === null ? null : sources.get(url.href);
  }

  /** A token, or null where it goes without. `announce` is called before it waits for the page to give one. */
  async get(announce, signal) {
    if (this.#given === null && this.#source === null) {
      this.#isNeeded ??= await this.#findOut();
      if (!this.#isNeeded) return null;
      const given = this.#next(signal);
      announce();
      await given;
    }
    return this.#given ?? (await this.#source.get());
  }

  /** The receiver does not take it: another one is needed. */
  refused(token) {
    this.#isNeeded = true;
    if (token === this.#given) this.#given = null;
    this.#source?.refused(token);
  }

  #next(signal) {
    return new Promise((done, ended) => {
      const look = () => {
        if (this.#given !== null) done();
      };
      this.#news.addEventListener("news", look, { signal });
      signal.addEventListener("abort", () => ended(signal.reason), { once: true });
    });
  }
}
