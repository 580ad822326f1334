// The parts of the page about cost: amounts, shares, who stands out, how uneven it is. Pure: answers in, elements out.

import { h } from "./dom.js";
import { exact, humane } from "./format.js";
import { panel, quantity, table } from "./parts.js";

const REASONS = {
  unpriced: "no rate",
  kind_unpriced: "no rate for this kind of tokens",
  tier_unpriced: "no rate for this tier",
  context_band_unpriced: "no rate for prompts of this length",
};
const PERCENTILES = ["p50", "p90", "p95", "p99"];

/** An amount. What was used and has no price looks neither like nothing nor like what nobody knows. */
export function amount(text, currency, { of = null, isUnpriced = false, isApart = false } = {}) {
  if (text === null && isUnpriced)
    return h("span", { class: "q unpriced", title: "used, but nobody said what it costs", "data-of": of }, "no price");
  return quantity(text, currency ?? "", { of, isApart });
}

/** A share as the API has it ("0.0190082"), in percent. */
export function part(text, of = null) {
  if (text === null || text === undefined) return quantity(null, "", { of });
  const percent = 100 * Number(text);
  const shown = percent !== 0 && Math.abs(percent) < 0.1 ? "<0.1 %" : `${percent.toFixed(1)} %`;
  return h("span", { class: percent === 0 ? "q zero" : "q", title: text, "data-of": of, "data-quantity": text }, shown);
}

/** One figure of the row above everything else. */
export function tile(name, figure, ...beside) {
  return h(
    "li",
    { "data-key": name, class: "tile still" },
    h("span", { class: "name" }, name),
    h("span", { class: "figure" }, figure),
    h(
      "span",
      { class: "beside" },
      beside.filter(Boolean).map((one) => h("span", {}, one)),
    ),
  );
}

/** Who costs most, with everybody else and what is nobody's below: columns add up to the total. */
export function costliest({ heading, rows, currency, subjects, total, unattributed, link, name, colour }) {
  const most = Math.max(...rows.map(({ cost }) => Number(cost)), 0);
  const shown = rows.map((row) => {
    const address = link(row);
    return h(
      "tr",
      { "data-key": `row-${name(row)}`, "data-group": name(row), class: row.isOutlier ? "outlier" : null },
      h(
        "th",
        { scope: "row" },
        h("span", { class: `swatch c${colour(row)}`, "aria-hidden": "true" }),
        address ? h("a", { href: address }, name(row)) : h("span", {}, name(row)),
      ),
      h("td", { class: "number" }, amount(row.cost, currency, { of: name(row) })),
      h(
        "td",
        { class: "number share" },
        h(
          "span",
          { class: "bar", "aria-hidden": "true" },
          h("span", { "width%": most > 0 ? Math.max((100 * Number(row.cost)) / most, 0).toFixed(1) : 0 }),
        ),
        part(row.share),
      ),
      h("td", { class: "number" }, part(row.cumulativeShare)),
      h("td", { class: "number" }, growthOf(row.growth)),
      h("td", {}, row.isOutlier ? h("span", { class: "mark" }, "stands out") : null),
    );
  });
  const below = [];
  if (subjects && subjects.count > rows.length)
    below.push(summary("others", `${subjects.count - rows.length} others`, amount(total.others, currency)));
  if (unattributed && unattributed.cost !== null)
    below.push(
      summary(
        "nobody",
        "not known whose",
        amount(unattributed.cost, currency, { of: "(nobody)" }),
        part(unattributed.share),
      ),
    );
  return table(
    `Cost by ${heading.toLowerCase()}`,
    [
      { name: heading },
      { name: "Cost", isNumber: true },
      { name: "Share", isNumber: true },
      { name: "Together", isNumber: true },
      { name: "Against 4 weeks before", isNumber: true },
      { name: "Remark" },
    ],
    [...shown, ...below],
    { key: "costliest", kind: "groups" },
  );
}

function summary(key, name, cost, share = null) {
  return h(
    "tr",
    { "data-key": key, class: "apart" },
    h("th", { scope: "row" }, name),
    h("td", { class: "number" }, cost),
    h("td", { class: "number share" }, share),
    h("td", { colspan: 3 }),
  );
}

function growthOf(text) {
  if (text === null)
    return h("span", { class: "growth none", title: "it cost nothing in the four weeks before" }, "new");
  const percent = 100 * Number(text);
  const direction = Math.abs(percent) < 0.05 ? "same" : percent > 0 ? "up" : "down";
  const size =
    Math.abs(percent) < 10 ? Math.abs(percent).toFixed(1) : Math.round(Math.abs(percent)).toLocaleString("en");
  return h(
    "span",
    { class: `growth ${direction}`, title: text },
    h("span", { "aria-hidden": "true" }, { up: "▲", down: "▼", same: "" }[direction]),
    h("span", { class: "vh" }, direction === "same" ? "unchanged" : direction),
    ` ${size} %`,
  );
}

/** How uneven it is: percentiles, what the top has, Gini, and the Lorenz curve. */
export function spread(found, currency, who) {
  if (!found) return h("p", { class: "hint" }, "Nobody has a cost that is known.");
  const fact = (name, shown, title = null) => h("div", { title }, h("dt", {}, name), h("dd", {}, shown));
  return [
    h(
      "div",
      { class: "spread" },
      h(
        "dl",
        { class: "facts", "data-part": "spread" },
        fact(who, quantity(String(found.count), "", { of: "count" })),
        fact("mean", amount(found.mean, currency, { of: "mean" })),
        PERCENTILES.map((name) =>
          fact(
            name === "p50" ? "median" : `${name.slice(1)} %`,
            amount(found[name], currency, { of: name }),
            name === "p50" ? "half of them cost at most this" : `${name.slice(1)} % of them cost at most this`,
          ),
        ),
        fact("most", amount(found.max, currency, { of: "max" })),
        fact("top 1 % has", part(found.top1Share, "top1Share"), "of the whole cost; at least one of them"),
        fact("top 10 % has", part(found.top10Share, "top10Share"), "of the whole cost; at least one of them"),
        fact("Gini", quantity(found.gini, "", { of: "gini" }), "0: all cost the same; almost 1: one costs everything"),
      ),
      lorenz(found.lorenz),
    ),
  ];
}

function lorenz(points) {
  if (points.some(({ cost }) => cost === null)) return null;
  const place = ({ subjects, cost }) =>
    `${(100 * Number(subjects)).toFixed(2)} ${(100 - 100 * Number(cost)).toFixed(2)}`;
  const path = points.map((point, index) => `${index ? "L" : "M"}${place(point)}`).join("");
  const text = points.map(({ subjects, cost }) => `the cheapest ${percentOf(subjects)} have ${percentOf(cost)}`);
  return h(
    "figure",
    { class: "lorenz" },
    h(
      "svg",
      {
        viewBox: "0 0 100 100",
        role: "img",
        "aria-label": `Lorenz curve: ${[...new Set(text)].slice(1, -1).join(", ")}`,
      },
      h("line", { x1: 0, y1: 100, x2: 100, y2: 0 }),
      h("path", { d: `${path}L100 100Z` }),
    ),
    h("figcaption", {}, "The cheapest first: what share of them has what share of the cost. The line is all alike."),
  );
}

const percentOf = (text) => `${(100 * Number(text)).toFixed(0)} %`;

/** What was used and has no price, and how it gets one. */
export function unpriced(models) {
  if (!models.length)
    return h("p", { class: "hint", "data-part": "unpriced" }, "Everything that was used has a price.");
  const rows = models.map((one) =>
    h(
      "tr",
      { "data-key": `${one.model} ${one.type} ${one.reason}` },
      h("th", { scope: "row" }, one.model ?? h("i", {}, one.type.startsWith("llm.") ? "no model named" : "–")),
      h("td", {}, one.type),
      h("td", { class: "number" }, quantity(one.quantity, one.unit, { of: one.model ?? one.type })),
      h("td", { class: "number" }, part(one.share)),
      h("td", {}, REASONS[one.reason] ?? one.reason),
    ),
  );
  const columns = [
    { name: "Model" },
    { name: "Metric" },
    { name: "Quantity", isNumber: true },
    { name: "Of all", isNumber: true },
    { name: "Why" },
  ];
  return [
    h("p", { class: "hint" }, "This is in no amount above: what it costs is not known, which is not nothing."),
    table("Used without a price", columns, rows, { key: "unpriced" }),
    howToPrice(),
  ];
}

/** How usage gets a price. */
export function howToPrice() {
  return h(
    "pre",
    { tabindex: "0", role: "region", "aria-label": "How to record rates" },
    "tallystick rates import --from genai-prices     # public prices of language models; or a CSV file\n" +
      "tallystick rates add 0.09 --metric bytes.out --unit By --per 1000000000 --source https://cloud.example/pricing",
  );
}

/** No price is known at all. */
export const noRates = () =>
  panel(
    "empty",
    "No price is known yet",
    h("p", {}, "What usage costs is its quantity times the rate that held at its hour. Record rates, from anywhere:"),
    howToPrice(),
    h("p", {}, "Usage of open months is priced as soon as a rate is recorded, also what was used before."),
  );

/** What else an answer says of itself: counted in a better way, priced inexactly, more taken out than there was. */
export function remarks({ superseded, grades, negative }) {
  const lines = [
    ...superseded.map(({ type, unit, quantity: much }) => [
      `${humane(much, unit)} of ${type} was counted in a better way, too, and is in no amount.`,
      exact(much, unit),
    ]),
    ...grades.map(({ grade, cost, currency }) => [
      `${cost === null ? "Usage" : humane(cost, currency)} could not be priced exactly (${grade}).`,
      cost === null ? null : exact(cost, currency),
    ]),
    ...negative.map(({ type, unit, quantity: much }) => [
      `A sender of ${type} took out ${humane(much, unit)} more than there was.`,
      exact(much, unit),
    ]),
  ];
  if (!lines.length) return null;
  return h(
    "section",
    { "data-key": "remarks", "aria-labelledby": "remarks" },
    h("h2", { id: "remarks" }, "Remarks"),
    h(
      "ul",
      { class: "remarks" },
      lines.map(([text, title]) => h("li", { title }, text)),
    ),
  );
}
