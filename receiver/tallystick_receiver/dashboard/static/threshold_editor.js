// Thresholds as a form: create, change and delete. Who has no admin key sees none of it; the receiver decides anyway.

import { ask } from "./api.js";
import { h } from "./dom.js";

const RESETS = ["", "hourly", "daily", "monthly", "never"];
const ACTIONS = ["alert", "block", "none"];
const LEVELS = "80, 100";
const LEVELS_MAX = 1000;

/** What is being typed survives live updates, because it is kept here and every description begins from it. */
export class ThresholdEditor {
  #state;
  #context;
  #draft = null;
  #problem = null;
  #isBusy = false;
  #doomed = null;

  constructor(state, context) {
    this.#state = state;
    this.#context = context;
  }

  /** Whether this session may change anything. */
  get isAllowed() {
    return this.#context.session.scopes.includes("admin");
  }

  /** The button that opens the form, or the form; nothing for readers. */
  form(metrics) {
    if (!this.isAllowed) return null;
    if (this.#draft === null)
      return h(
        "button",
        { type: "button", class: "button", "data-key": "new-threshold", onclick: () => this.#open(this.#fresh()) },
        "New threshold",
      );
    return this.#fields(metrics);
  }

  /** The buttons of one threshold. */
  buttons(threshold) {
    if (!this.isAllowed) return null;
    const name = `${threshold.metricKey} of ${threshold.subjectId}`;
    const button = (text, onclick, label = `${text}: ${name}`) =>
      h("button", { type: "button", class: "plain", "aria-label": label, onclick }, text);
    if (this.#doomed === threshold.id)
      return h(
        "span",
        { class: "doubt", role: "group", "aria-label": `Delete ${name}?` },
        "Delete it? ",
        button("Delete", () => this.#delete(threshold.id), `Delete for good: ${name}`),
        button("Keep", () => this.#doom(null)),
      );
    return h(
      "span",
      {},
      button("Change", () => this.#open(draftOf(threshold))),
      button("Delete", () => this.#doom(threshold.id)),
    );
  }

  #fresh() {
    const own = { subjectType: "org", resetPeriod: "", levels: LEVELS, action: "alert" };
    return {
      ...own,
      id: null,
      orgId: this.#context.session.orgId ?? this.#state.org ?? "",
      metricKey: "",
      subjectId: "",
      threshold: "",
    };
  }

  #open(draft) {
    this.#draft = draft;
    this.#problem = null;
    this.#again();
    requestAnimationFrame(() => document.querySelector(".editor input:not([readonly])")?.focus());
  }

  #doom(id) {
    this.#doomed = id;
    this.#again();
  }

  #again() {
    this.#context.again();
  }

  async #delete(id) {
    this.#doomed = null;
    await this.#ask(`/api/v1/thresholds/${id}`, { method: "DELETE" });
  }

  async #save(event) {
    event.preventDefault();
    const { id, orgId, subjectType, subjectId, ...draft } = this.#draft;
    const levels = levelsOf(draft.levels);
    if (levels === null) {
      this.#problem = `Levels are whole percents from 1 to ${LEVELS_MAX}, like ${LEVELS}.`;
      return this.#again();
    }
    const figures = {
      threshold: draft.threshold.trim(),
      resetPeriod: draft.resetPeriod || null,
      levels,
      action: draft.action,
    };
    const subject = subjectType === "org" ? orgId.trim() : subjectId.trim();
    const whole = {
      ...figures,
      orgId: orgId.trim(),
      metricKey: draft.metricKey.trim(),
      subjectType,
      subjectId: subject,
      timeZone: this.#state.tz,
    };
    const isNew = id === null;
    const isDone = await this.#ask(isNew ? "/api/v1/thresholds" : `/api/v1/thresholds/${id}`, {
      method: isNew ? "POST" : "PATCH",
      body: isNew ? whole : figures,
    });
    if (isDone) this.#draft = null;
    return this.#again();
  }

  async #ask(path, request) {
    this.#isBusy = true;
    this.#problem = null;
    this.#again();
    try {
      await ask(path, {}, request);
      return true;
    } catch (problem) {
      this.#problem = `It did not work: ${problem.message}.`;
      return false;
    } finally {
      this.#isBusy = false;
      this.#again();
    }
  }

  #fields(metrics) {
    const draft = this.#draft;
    const isNew = draft.id === null;
    const set = (name) => (event) => {
      const isChoice = event.target.nodeName === "SELECT";
      draft[name] = event.target.value;
      if (isChoice) this.#again();
    };
    const input = (label, name, more = {}) =>
      h(
        "label",
        {},
        h("span", { class: "label" }, label),
        h("input", {
          name: `threshold-${name}`,
          value: draft[name],
          autocomplete: "off",
          spellcheck: "false",
          required: true,
          oninput: set(name),
          ...more,
        }),
      );
    const select = (label, name, values, shown = (value) => value) =>
      h(
        "label",
        {},
        h("span", { class: "label" }, label),
        h(
          "select",
          { name: `threshold-${name}`, onchange: set(name) },
          values.map((value) => h("option", { value, selected: value === draft[name] }, shown(value))),
        ),
      );
    const fixed = { readonly: !isNew };
    const types = [...new Set(["org", "project", "user", draft.subjectType])];
    return h(
      "form",
      {
        class: "editor",
        "aria-label": isNew ? "New threshold" : "Change the threshold",
        "data-key": "editor",
        onsubmit: (event) => this.#save(event),
      },
      h("h2", {}, isNew ? "New threshold" : `Change: ${draft.metricKey}`),
      h(
        "div",
        { class: "controls" },
        input("Organisation", "orgId", { readonly: !isNew || this.#context.session.orgId !== null }),
        input("Metric", "metricKey", { ...fixed, list: "known-metrics" }),
        h(
          "datalist",
          { id: "known-metrics" },
          metrics.map((key) => h("option", { value: key })),
        ),
        isNew
          ? select(
              "For whom",
              "subjectType",
              types,
              (type) => ({ org: "the whole organisation", project: "a project", user: "a user" })[type] ?? type,
            )
          : null,
        draft.subjectType === "org" ? null : input("Name", "subjectId", fixed),
        input("Limit", "threshold", { inputmode: "decimal" }),
        select("Begins anew", "resetPeriod", RESETS, (value) => value || "as the metric says"),
        input("Levels, %", "levels"),
        select("Action", "action", ACTIONS),
      ),
      h("p", { class: "problem", role: "alert" }, this.#problem ?? ""),
      h(
        "div",
        { class: "controls" },
        h("button", { class: "button primary", disabled: this.#isBusy }, this.#isBusy ? "Saving …" : "Save"),
        h("button", { type: "button", class: "button", onclick: () => this.#open(null) }, "Cancel"),
      ),
    );
  }
}

const draftOf = ({ resetPeriod, levels, ...threshold }) => ({
  ...threshold,
  resetPeriod: resetPeriod ?? "",
  levels: levels.join(", "),
});

/** "80, 100" as numbers; null where that is none. */
function levelsOf(text) {
  const found = text.split(",").map((word) => word.trim());
  const isWell = found.every((word) => /^\d+$/.test(word) && Number(word) >= 1 && Number(word) <= LEVELS_MAX);
  return isWell ? found.map(Number) : null;
}
