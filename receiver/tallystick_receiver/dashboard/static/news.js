// What the receiver tells by itself: that something was committed. What it is now is asked as ever.

import { address } from "./api.js";

const AGAIN = 5000;

/**
 * Dispatches "news" when something changed, and when it may have: the stream begins (it says so itself), or is lost.
 *
 * It is open while somebody looks only: a browser has six connections to a receiver, for all of its tabs.
 */
export class News extends EventTarget {
  #topics = [];
  #address = null;
  #source = null;
  #again = null;

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#open());
  }

  /** Whether changes are heard of; else one has to look. */
  get isOn() {
    return this.#source?.readyState === EventSource.OPEN;
  }

  /** Hear of these topics, of one organisation or (null) of all that may be seen. */
  listen(topics, org) {
    const wanted = address("/api/v1/changes", { topic: topics.join(","), orgId: org });
    if (wanted === this.#address) return;
    this.#topics = topics;
    this.#address = wanted;
    this.#open();
  }

  /** Hear of nothing any more. */
  end() {
    this.#address = null;
    this.#open();
  }

  #open() {
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
    if (this.#address === null || document.visibilityState !== "visible") return;
    const source = new EventSource(this.#address);
    const tell = () => this.dispatchEvent(new Event("news"));
    for (const topic of this.#topics) source.addEventListener(topic, tell);
    source.addEventListener("error", () => {
      tell();
      // The browser itself tries again what was cut, but not what was refused.
      if (source.readyState === EventSource.CLOSED) this.#again = setTimeout(() => this.#open(), AGAIN);
    });
    this.#source = source;
  }
}
