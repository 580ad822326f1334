// Metrics: what is metered, what each key means, and what it costs.

import { ask } from "../api.js";
import { howToPrice } from "../cost_parts.js";
import { h } from "../dom.js";
import { panel, table } from "../parts.js";
import { priceOf, ratesNow, ratesTable } from "../rates.js";
import { Slow } from "../usage_answers.js";

export const title = "Metrics";
export const topics = ["event"];
const PAGE = 1000;

/** See usage.js. */
export function open(state, context) {
  const slow = new Slow(context.again);
  return async (signal) => {
    const [found, prices] = await Promise.all([
      ask("/api/v1/metrics", { orgId: state.org, limit: PAGE }, { signal }),
      slow.get("rates", () => ratesNow(state, signal), true),
    ]);
    return { content: page(state, context, found, prices) };
  };
}

function page(state, context, { metrics, nextCursor }, prices) {
  const rows = metrics.map(({ id, key, name, description, unit, aggregationType, resetPeriod, orgId }) =>
    h(
      "tr",
      { "data-key": id ?? `${key} ${orgId}`, "data-metric": key },
      h("th", { scope: "row" }, h("a", { href: context.link({ page: "usage", metric: key, day: null }) }, key)),
      h("td", {}, name && name !== key ? name : ""),
      h("td", {}, unit || "–"),
      h("td", {}, aggregationType ?? "–"),
      h("td", {}, resetPeriod ?? "–"),
      h("td", { "data-price-of": key }, priceOf({ key, orgId }, prices.rates)),
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
            { name: "Price now" },
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
    prices.rates.length
      ? ratesTable(prices, state)
      : h(
          "section",
          { "data-key": "rates", "aria-labelledby": "rates" },
          h("h2", { id: "rates" }, "Rates"),
          h("p", { class: "hint" }, "No price is known yet. Record some, and the page Cost says what usage costs:"),
          howToPrice(),
        ),
  ];
}
