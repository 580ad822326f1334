// Metrics: what is metered and what each key means.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { panel, table } from "../parts.js";

export const title = "Metrics";
const PAGE = 1000;

/** See usage.js. */
export function open(state, context) {
  return async (signal) => {
    const found = await ask("/api/v1/metrics", { orgId: state.org, limit: PAGE }, { signal });
    return { content: page(context, found) };
  };
}

function page(context, { metrics, nextCursor }) {
  const rows = metrics.map(({ id, key, name, description, unit, aggregationType, resetPeriod, orgId }) =>
    h(
      "tr",
      { "data-key": id ?? `${key} ${orgId}`, "data-metric": key },
      h("th", { scope: "row" }, h("a", { href: context.link({ page: "usage", metric: key, day: null }) }, key)),
      h("td", {}, name && name !== key ? name : ""),
      h("td", {}, unit || "–"),
      h("td", {}, aggregationType ?? "–"),
      h("td", {}, resetPeriod ?? "–"),
      h("td", {}, orgId ?? "all"),
      h("td", { class: "detail" }, description ?? ""),
    ),
  );
  return [
    h(
      "div",
      { class: "heading", "data-key": "heading" },
      h("h1", {}, "Metrics"),
      h("p", { class: "when" }, nextCursor ? `the first ${metrics.length}` : `${metrics.length} in use or defined`),
    ),
    metrics.length
      ? table(
          "Metrics",
          [
            { name: "Key" },
            { name: "Name" },
            { name: "Unit" },
            { name: "Aggregation" },
            { name: "Reset" },
            { name: "For" },
            { name: "Description" },
          ],
          rows,
        )
      : panel(
          "empty",
          "No metric is known yet",
          h("p", {}, "Metrics appear here when their first usage arrives, or are defined with:"),
          h("pre", { tabindex: "0", role: "region", "aria-label": "An example" }, "tallystick metrics define --help"),
        ),
  ];
}
