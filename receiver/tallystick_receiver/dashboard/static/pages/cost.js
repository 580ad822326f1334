// Cost: what usage costs, who causes it, how uneven that is, where it is heading, and what has no price.

import { address, filtersOf } from "../api.js";
import { Palette } from "../charts.js";
import { nameOf, narrowed, unpricedKeys } from "../cost_answers.js";
import { amount, costliest, noRates, part, remarks, spread, tile, unpriced } from "../cost_parts.js";
import { sceneOf } from "../cost_scene.js";
import { negative, sum } from "../decimal.js";
import { h } from "../dom.js";
import { drawn, figure } from "../figure.js";
import { filters } from "../filters.js";
import { humane } from "../format.js";
import { groupName } from "../groups.js";
import { drawnOutlook, outlook } from "../outlook.js";
import { completeness, growth, panel } from "../parts.js";
import { plus, timeIn } from "../period.js";
import { Slow } from "../usage_answers.js";

export const title = "Cost";
export const topics = ["cost"];
const WAYS = ["user", "feature", "model", "org", "project"];
const DEEPER = { org: "project", project: "user", user: "feature", feature: "model" };
const MORE = ["provider", "kind", "agent", "conversation"];
const HOUR = 3600000;

/** See usage.js. */
export function open(state, context) {
  const slow = new Slow(context.again);
  const palette = new Palette();
  return async (signal) => {
    const scene = { context, palette, ...(await sceneOf(state, context.session.orgId, slow, signal)) };
    return { content: page(scene), after: scene.currency === null ? null : () => drawings(scene) };
  };
}

const drawings = (scene) => Promise.all([drawn(charted(scene)), drawnOutlook(scene)]);

/** The scene as a figure over time shows it (figure.js). */
function charted(scene) {
  const { currency, overTime, period } = scene;
  const keys = unpricedKeys(overTime.rows, period.bucket);
  const lacking = ({ key }, none) => amount(keys.has(key) ? null : none, currency, { isUnpriced: keys.has(key) });
  const metric = { type: "Cost", unit: currency };
  return { ...scene, metric, lacking, csv: exportLink(scene), hasBy: false };
}

function page(scene) {
  const { state, context, period, top, all } = scene;
  const last = plus(period.to, -1);
  const priced = new Date(Math.min(Date.parse(top.pricedUntil), scene.now));
  return [
    h(
      "div",
      { class: "heading", "data-key": "heading" },
      h("h1", {}, "Cost"),
      h(
        "p",
        { class: "when" },
        `${period.from === last ? period.from : `${period.from} – ${last}`} · ${state.tz} · priced until ${timeIn(state.tz, priced)}`,
        state.compare && !period.before.isEmpty ? ` · compared with ${period.beforeName}` : null,
      ),
    ),
    filters(state, { go: context.go, known: scene.known, fixedOrg: context.session.orgId }),
    completeness(all.completeness, state, context.link({ page: "health" })),
    scene.currency !== null && scene.now - priced > 2 * HOUR && priced < period.end
      ? h(
          "p",
          { class: "hint", "data-key": "waits" },
          "Older usage waits to be priced: the amounts below still change.",
        )
      : null,
    scene.currency === null ? unknownCost(scene) : figures(scene),
  ];
}

/** Nothing of it has a price, or there is nothing. */
function unknownCost({ state, context, top, all, hasRates: isKnown }) {
  if (top.totals.length)
    return [
      panel("empty", "What was used has no price", h("p", {}, "How much was used is known, what it costs is not.")),
      h("section", { "data-key": "unpriced", "aria-label": "Without a price" }, unpriced(top.unpricedModels)),
    ];
  if (!isKnown) return noRates();
  return panel(
    "empty",
    "Nothing was spent here",
    h(
      "p",
      {},
      all.completeness.state === "complete"
        ? "In this period, with these filters, nothing that has a price was used: it cost nothing."
        : "Nothing that has a price was used, as far as is known; whether that was all is not known.",
    ),
    state.org || state.project || state.filters.length
      ? h("p", {}, h("a", { href: context.link({ org: null, project: null, filters: [] }) }, "Remove all filters"))
      : null,
  );
}

function figures(scene) {
  const { context, currency, currencies, by, top, distribution, palette, groups, series } = scene;
  const whole = top.totals.find((total) => total.currency === currency);
  const subjects = top.subjects.find((one) => one.currency === currency);
  const rows = top.rows.filter((row) => row.currency === currency);
  const unattributed = top.unattributed.find((one) => one.currency === currency);
  const who = groupName(by);
  const stacked = new Set(series.filter(({ isRest }) => !isRest).map(({ name }) => name));
  const others = subjects ? sum([subjects.cost, ...rows.map(({ cost }) => negative(cost))]) : null;
  const name = (row) => nameOf(row, groups);
  return [
    ways(scene),
    tiles(scene, { whole, subjects, unattributed, who }),
    figure(charted(scene)),
    h(
      "section",
      { "data-key": "who", "aria-labelledby": "who" },
      h(
        "div",
        { class: "total" },
        h("h2", { id: "who" }, `Who costs most, by ${who.toLowerCase()}`),
        h("p", {}, "Total ", amount(whole.cost, currency, { of: "total" })),
        h("a", { class: "plain", href: exportLink(scene), download: true }, "FOCUS export"),
      ),
      costliest({
        heading: who,
        rows,
        currency,
        subjects,
        total: { others },
        unattributed,
        name,
        link: (row) => deeper(scene, row),
        colour: (row) => (stacked.has(name(row)) ? palette.number(name(row)) : 0),
      }),
    ),
    h(
      "section",
      { "data-key": "spread", "aria-labelledby": "spread" },
      h("h2", { id: "spread" }, "How it is spread"),
      spread(
        distribution.rows.find((row) => row.currency === currency),
        currency,
        plural(who),
      ),
    ),
    outlook(scene),
    h(
      "section",
      { "data-key": "unpriced", "aria-labelledby": "unpriced" },
      h("h2", { id: "unpriced" }, "Without a price"),
      unpriced(top.unpricedModels),
    ),
    remarks(top),
    h(
      "p",
      { class: "hint" },
      "Prices, their sources and since when they hold: ",
      h("a", { href: context.link({ page: "metrics" }) }, "Metrics"),
      ".",
    ),
  ];
}

const plural = (who) => `${who}s`;

function exportLink({ state, period }) {
  return address("/api/v1/costs/export", { ...filtersOf(state), format: "focus", from: period.from, to: period.to });
}

/** The switches: by whom, and of which currency. */
function ways({ context, by, currency, currencies }) {
  const own = [...new Set([...WAYS.filter((way) => way !== "org" || context.session.orgId === null), by])];
  const choice = (label, part_, chosen, values, shown) =>
    h(
      "div",
      { class: "periods", role: "group", "aria-label": label },
      values.map((value) =>
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(value === chosen),
            [`data-${part_}`]: value,
            onclick: () => context.go({ [part_]: value }),
          },
          shown(value),
        ),
      ),
    );
  return h(
    "div",
    { class: "controls", "data-key": "ways" },
    choice("By", "by", by, own, groupName),
    h(
      "label",
      {},
      h("span", { class: "vh" }, "By any other dimension"),
      h("input", {
        name: "by",
        value: "",
        placeholder: "other dimension",
        list: "known-by",
        autocomplete: "off",
        spellcheck: "false",
        onchange: (event) => context.go({ by: event.target.value.trim() || null }),
      }),
      h(
        "datalist",
        { id: "known-by" },
        MORE.map((one) => h("option", { value: one })),
      ),
    ),
    currencies.length > 1 ? choice("Currency", "currency", currency, currencies, (one) => one) : null,
  );
}

function tiles({ state, currency, top, before, forecast, month }, { whole, subjects, unattributed, who }) {
  const lacking = [...top.unpriced].sort((a, b) => Number(b.share) - Number(a.share))[0];
  const isKnown = before && before.totals.every(({ cost }) => cost !== null);
  const earlier =
    before && (before.totals.find((total) => total.currency === currency)?.cost ?? (isKnown ? "0" : null));
  return h(
    "ul",
    { class: "tiles", "data-key": "tiles", "aria-label": "In short" },
    tile(
      "Cost",
      amount(whole.cost, currency, { of: "cost", isApart: true }),
      state.compare && before ? growth(whole.cost, earlier) : null,
      whole.billedCost === whole.cost ? null : ["billed ", amount(whole.billedCost, currency, { of: "billed" })],
    ),
    tile(
      `Expected by ${plus(month.to, -1)}`,
      amount(forecast?.total ?? null, currency, { isApart: true }),
      forecast?.low
        ? [humane(forecast.low, currency), " – ", humane(forecast.high, currency)]
        : forecast
          ? "no band yet"
          : "…",
    ),
    tile(
      plural(who),
      subjects ? String(subjects.count) : "0",
      subjects ? ["median ", amount(subjects.median, currency, { of: "median" })] : "none has a cost that is known",
    ),
    tile(
      "Not known whose",
      part(unattributed ? unattributed.share : "0", "unattributed"),
      unattributed ? amount(unattributed.cost, currency) : "everything has a name",
    ),
    tile(
      "Without a price",
      part(lacking ? lacking.share : "0", "unpriced"),
      lacking ? `of ${lacking.type}` : "everything has a price",
    ),
  );
}

/** Where a row leads to: the same costs of it alone, by the next question that one asks. */
function deeper({ state, context, by, groups, aliases }, row) {
  if (groups.some((group) => row[group] === null)) return null;
  const next = DEEPER[by] ?? "user";
  if (by === "org") return context.link({ org: row.org, project: null, by: next });
  if (by === "project") return context.link({ org: row.org ?? state.org, project: row.project, by: next });
  const own = narrowed(by, row, aliases);
  if (!own.length) return null;
  const others = state.filters.filter(([key]) => !own.some(([name]) => name === key));
  return context.link({ filters: [...others, ...own], by: next });
}
