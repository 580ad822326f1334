// The filters above the figures. Every change is a new address.

import { h } from "./dom.js";
import { RANGES, dateIn } from "./period.js";

/** Period, organisation, project, dimension filters. `known` are the names to choose from; `fixedOrg` is the key's own. */
export function filters(state, { go, known, fixedOrg, hasPeriod = true }) {
  const change = (part) => (event) => go({ [part]: event.target.value.trim() || null });
  return h(
    "form",
    { class: "filters", "aria-label": "Filters", "data-key": "filters", onsubmit: (event) => event.preventDefault() },
    hasPeriod ? periods(state, go) : null,
    fixedOrg !== null
      ? h("p", { class: "fixed" }, h("span", { class: "label" }, "Organisation"), h("b", {}, fixedOrg))
      : named("Organisation", "all", "org", state.org, known.orgs, (event) =>
          go({ org: event.target.value.trim() || null, project: null }),
        ),
    known.projects === null
      ? null
      : named("Project", "all", "project", state.project, known.projects, change("project")),
    state.filters.map(([key, value], index) =>
      h(
        "p",
        { class: "chip", "data-key": `attr.${key}=${value}` },
        h("span", {}, `${key} = ${value}`),
        h(
          "button",
          {
            type: "button",
            "aria-label": `Remove the filter ${key} = ${value}`,
            onclick: () => go({ filters: state.filters.filter((_, other) => other !== index) }),
          },
          "×",
        ),
      ),
    ),
  );
}

function periods(state, go) {
  const choose = (range) => {
    const today = dateIn(state.tz, new Date());
    go(range === "custom" ? { range, from: state.from ?? today, to: state.to ?? today } : { range });
  };
  const date = (part, name) =>
    h(
      "label",
      {},
      h("span", { class: "vh" }, name),
      h("input", {
        type: "date",
        name: part,
        value: state[part],
        required: true,
        onchange: (event) => {
          const chosen = { from: state.from, to: state.to, [part]: event.target.value };
          if (!chosen.from || !chosen.to) return;
          if (chosen.from > chosen.to) chosen[part === "from" ? "to" : "from"] = event.target.value;
          go({ range: "custom", ...chosen });
        },
      }),
    );
  return h(
    "div",
    { class: "periods", role: "group", "aria-label": "Period" },
    RANGES.map(([range, name]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(state.range === range),
          "data-range": range,
          onclick: () => choose(range),
        },
        name,
      ),
    ),
    state.range === "custom"
      ? h("span", { class: "dates" }, date("from", "First day"), " to ", date("to", "Last day"))
      : null,
  );
}

function named(label, placeholder, name, value, options, onchange) {
  return h(
    "label",
    {},
    h("span", { class: "label" }, label),
    h("input", {
      name,
      value: value ?? "",
      placeholder,
      list: `known-${name}`,
      autocomplete: "off",
      spellcheck: "false",
      onchange,
    }),
    h(
      "datalist",
      { id: `known-${name}` },
      options.map((option) => h("option", { value: option })),
    ),
  );
}
