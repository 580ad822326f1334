// What was sent of events: to whom, what became of it, and an admin's button that sends it again.

import { ask } from "./api.js";
import { grouped } from "./decimal.js";
import { h } from "./dom.js";
import { table } from "./parts.js";
import { timeIn } from "./period.js";

const SHOWN_MAX = 50;
const COLUMNS = [
  { name: "To" },
  { name: "Event" },
  { name: "State" },
  { name: "Attempts", isNumber: true },
  { name: "Last tried" },
  { name: "Last error" },
  { name: "Again" },
];

/** What was sent of one organisation's events, or of all, and what came of sending it again. */
export class Deliveries {
  #state;
  #context;
  #resends = new Map();

  constructor(state, context) {
    this.#state = state;
    this.#context = context;
  }

  /** The newest ones. */
  ask(signal) {
    return ask("/api/v1/deliveries", { orgId: this.#state.org, limit: SHOWN_MAX }, { signal });
  }

  /** A table of them; those that were given up are to be seen. */
  section({ deliveries, nextCursor }) {
    return h(
      "section",
      { "data-key": "deliveries", "aria-labelledby": "deliveries" },
      h("h2", { id: "deliveries" }, "What was sent"),
      deliveries.length
        ? table(
            "Deliveries",
            COLUMNS,
            deliveries.map((delivery) => this.#row(delivery)),
          )
        : h("p", { class: "hint" }, "Nothing. Addresses of a threshold or an alert, and webhooks, say who is told."),
      nextCursor ? h("p", { class: "hint" }, `The last ${SHOWN_MAX} are shown.`) : null,
    );
  }

  #row(delivery) {
    const { id, kind, email, webhookId, eventType, state, attempts, lastTryAt, lastError } = delivery;
    return h(
      "tr",
      { "data-key": id, "data-delivery": id },
      h("th", { scope: "row" }, `${kind} ${email ?? webhookId ?? "(deleted)"}`),
      h("td", {}, eventType),
      h("td", {}, state === "parked" ? h("span", { class: "mark" }, state) : state),
      h("td", { class: "number" }, grouped(String(attempts))),
      h("td", {}, lastTryAt ? timeIn(this.#state.tz, new Date(lastTryAt)) : "not yet"),
      h("td", { class: "detail" }, lastError ?? ""),
      h("td", {}, this.#again(delivery)),
    );
  }

  #again({ id, kind, email, webhookId, eventType }) {
    const said = this.#resends.get(id);
    if (said || !this.#context.session.scopes.includes("admin")) return said ?? "";
    const label = `Send again: ${eventType} to ${kind} ${email ?? webhookId ?? ""}`;
    return h(
      "button",
      { type: "button", class: "plain", "aria-label": label, onclick: () => this.#resend(id) },
      "Send again",
    );
  }

  async #resend(id) {
    this.#resends.set(id, "sending …");
    this.#context.again();
    try {
      await ask(`/api/v1/deliveries/${id}/resend`, {}, { method: "POST" });
      this.#resends.delete(id);
    } catch (problem) {
      this.#resends.set(id, problem.message);
    }
    this.#context.again();
  }
}
