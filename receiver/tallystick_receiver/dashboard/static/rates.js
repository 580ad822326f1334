// Rates: what units cost now, where that is published, and since when it holds.

import { ask } from "./api.js";
import { grouped } from "./decimal.js";
import { h } from "./dom.js";
import { unitName } from "./format.js";
import { table } from "./parts.js";
import { timeIn } from "./period.js";

const PAGE = 1000;
const SHOWN_MAX = 100;
const NAMED = ["provider", "model", "kind", "tier", "contextBand", "region"];
const OF_NAMES = new Set([
  "token.kind",
  "unit.kind",
  "llm.service_tier",
  "llm.context_band",
  "llm.region",
  "gen_ai.provider.name",
  "gen_ai.response.model",
]);

/** Rates that hold now, and which models were used this month: {rates, hasMore, used}. */
export async function ratesNow(state, signal) {
  const at = new Date().toISOString();
  const [found, month] = await Promise.all([
    ask("/api/v1/rates", { orgId: state.org, at, limit: PAGE }, { signal }),
    ask("/api/v1/costs", { orgId: state.org, tz: state.tz, groupBy: "type,model" }, { signal }),
  ]);
  const used = new Set(month.rows.map(({ type, model }) => JSON.stringify([type, model])));
  return { rates: found.rates, hasMore: Boolean(found.nextCursor), used };
}

/** "0.09 USD for 1,000,000,000 By". */
export function priceText({ price, perUnits, currency, unit }) {
  const units = perUnits === "1" ? unitName(unit, 1) || "one" : `${grouped(perUnits)} ${unitName(unit)}`.trim();
  return `${grouped(price)} ${currency} for ${units}`;
}

/** The price of a metric in a cell: itself, or how many there are; nothing said is not nothing to pay. */
export function priceOf(metric, rates) {
  const own = rates.filter(
    ({ metricKey, orgId }) =>
      metricKey === metric.key && (metric.orgId === null || orgId === null || orgId === metric.orgId),
  );
  if (own.length === 0) return h("span", { class: "q zero", title: "no rate is recorded" }, "no rate");
  if (own.length === 1) return priceText(own[0]);
  return h("a", { href: "#rates" }, `${own.length} rates`);
}

/** All of them as a table: those of models in use first. */
export function ratesTable({ rates, hasMore, used }, state) {
  const isUsed = ({ metricKey, model }) =>
    [...used].some((text) => {
      const [type, name] = JSON.parse(text);
      return type === metricKey && (model === null || model === name);
    });
  const known = rates.map((rate) => ({ ...rate, isUsed: isUsed(rate) }));
  known.sort((a, b) => Number(b.isUsed) - Number(a.isUsed) || nameOf(a).localeCompare(nameOf(b)));
  const rows = known
    .slice(0, SHOWN_MAX)
    .map((rate) =>
      h(
        "tr",
        { "data-key": rate.id, "data-rate": rate.id },
        h("th", { scope: "row" }, rate.metricKey, h("span", { class: "of" }, whatOf(rate))),
        h("td", { class: "number", "data-price": rate.price }, priceText(rate)),
        h("td", { class: "time" }, rate.validFrom ? timeIn(state.tz, new Date(rate.validFrom)) : "always"),
        h("td", { class: "time" }, rate.validTo ? timeIn(state.tz, new Date(rate.validTo)) : "further notice"),
        h("td", {}, sourceOf(rate), rate.note ? h("span", { class: "of" }, rate.note) : null),
        h("td", { class: "time" }, rate.checkedOn),
        h("td", {}, rate.orgId ?? "all"),
      ),
    );
  const columns = ["Of what", "Price", "Valid from", "Until", "Source", "Checked on", "For"];
  return h(
    "section",
    { "data-key": "rates", "aria-labelledby": "rates" },
    h("h2", { id: "rates" }, "Rates that hold now"),
    h("p", { class: "hint" }, said(known.length, hasMore)),
    table(
      "Rates",
      columns.map((name) => ({ name, isNumber: name === "Price" })),
      rows,
      { key: "rates" },
    ),
  );
}

const nameOf = (rate) => [rate.metricKey, whatOf(rate)].join(" ");

function said(count, hasMore) {
  if (!hasMore && count <= SHOWN_MAX) return `${count} in all; those of models in use come first.`;
  return `${SHOWN_MAX} of ${hasMore ? "more than " : ""}${count}, those of models in use first. The others: tallystick rates list, GET /api/v1/rates.`;
}

function whatOf(rate) {
  const others = Object.entries(rate.selector).filter(([key]) => !OF_NAMES.has(key));
  const words = [
    ...NAMED.map((name) => rate[name]).filter(Boolean),
    ...others.map(([key, value]) => `${key} = ${value}`),
  ];
  return [words.join(" · ") || "everything", rate.window ? `, ${rate.window} UTC` : ""].join("");
}

/** A link only where it is one of the web: who records rates may write anything there. */
function sourceOf({ sourceUrl }) {
  let url = null;
  try {
    url = new URL(sourceUrl);
  } catch {
    return sourceUrl;
  }
  if (!["https:", "http:"].includes(url.protocol)) return sourceUrl;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, url.hostname);
}
