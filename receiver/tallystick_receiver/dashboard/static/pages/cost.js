// Cost: what usage costs, who causes it, how uneven that is, where it is heading, and what has no price.

import { address, ask, filtersOf } from "../api.js";
import { Palette } from "../charts.js";
import {
  aliasGroups,
  costs,
  currenciesOf,
  groupsFor,
  monthOf,
  nameOf,
  narrowed,
  runningSum,
  stackOf,
  unpricedKeys,
} from "../cost_answers.js";
import { amount, costliest, noRates, part, remarks, spread, tile, unpriced } from "../cost_parts.js";
import { negative, sum } from "../decimal.js";
import { h } from "../dom.js";
import { drawn, figure } from "../figure.js";
import { filters } from "../filters.js";
import { humane } from "../format.js";
import { groupName } from "../groups.js";
import { drawnOutlook, outlook } from "../outlook.js";
import { completeness, growth, panel } from "../parts.js";
import { bucketsOf, periodOf, plus, timeIn } from "../period.js";
import { Slow } from "../usage_answers.js";

export const title = "Cost";
const WAYS = ["user", "feature", "model", "org", "project"];
const DEEPER = { org: "project", project: "user", user: "feature", feature: "model" };
const MORE = ["provider", "kind", "agent", "conversation", "type"];
const SHOWN_MAX = 50;
const HOUR = 3600000;
const NOTHING = { rows: [], totals: [] };

/** See usage.js. */
export function open(state, context) {
  const slow = new Slow(context.again);
  const palette = new Palette();
  return async (signal) => {
    const period = periodOf(state);
    const by = state.by ?? "user";
    const groups = groupsFor(by, (context.session.orgId ?? state.org) !== null);
    const groupBy = groups.join(",");
    const report = (name, more = {}) => costs(state, period, name, signal, { groupBy, ...more });
    const [top, overTime, books, distribution] = await Promise.all([
      report("/top", { limit: SHOWN_MAX }),
      report("", { groupBy: period.bucket }),
      ask("/api/v1/completeness", { orgId: state.org, from: period.from, to: period.to, tz: state.tz }, { signal }),
      slow.get(`distribution ${groupBy}`, () => report("/distribution"), true),
    ]);
    const scene = { state, context, period, by, groups, top, overTime, distribution, palette, now: new Date() };
    scene.all = { completeness: books };
    const currencies = currenciesOf(top);
    scene.currency = currencies.includes(state.currency) ? state.currency : (currencies[0] ?? null);
    if (scene.currency === null) scene.hasRates = await hasRates(state, slow, signal);
    else await overTimeOf(scene, slow, report, signal);
    return { content: page(scene, currencies), after: scene.currency === null ? null : () => drawings(scene) };
  };
}

async function overTimeOf(scene, slow, report, signal) {
  const { state, period, by, groups } = scene;
  scene.buckets = bucketsOf(period, state.tz);
  scene.month = monthOf(state, scene.now);
  const { from, to } = scene.month;
  const once = (name, question, instead) => slow.later(name, question, instead);
  scene.series = await slow.get(`stack ${scene.currency}`, () => stackOf(scene, (more) => report("", more)), true);
  scene.before = state.compare && !period.before.isEmpty
    ? once("before", () => costs(state, period.before, "", signal, { groupBy: "type" }), null)
    : null;
  scene.aliases = aliasGroups(by) ? await slow.get(`names ${by}`, () => report("", { groupBy: aliasGroups(by) })) : NOTHING;
  const trend = await slow.get(`days ${from}`, () => costs(state, scene.month, "/trend", signal, { groupBy: "day" }), true);
  scene.days = runningSum(trend, scene.currency);
  const forecast = once(`forecast ${from}`, () => forecastOf(state, from, to, signal), null);
  scene.forecast = forecast && (forecast.totals.find(({ currency }) => currency === scene.currency) ?? { total: null });
  scene.metric = { type: "Cost", unit: scene.currency };
  const unknown = unpricedKeys(scene.overTime.rows, period.bucket);
  scene.lacking = ({ key }, none) => amount(unknown.has(key) ? null : none, scene.currency, { isUnpriced: unknown.has(key) });
  scene.groups = groups;
}

const forecastOf = (state, from, until, signal) =>
  ask("/api/v1/costs/forecast", { ...filtersOf(state), from, until }, { signal });

async function hasRates(state, slow, signal) {
  const found = await slow.get("rates", () => ask("/api/v1/rates", { orgId: state.org, limit: 1 }, { signal }));
  return found.rates.length > 0;
}

const drawings = (scene) => Promise.all([drawn(scene), drawnOutlook(scene)]);

function page(scene, currencies) {
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
      ),
    ),
    filters(state, { go: context.go, known: namesOf(scene), fixedOrg: context.session.orgId }),
    completeness(all.completeness, state, context.link({ page: "health" })),
    scene.currency !== null && scene.now - priced > 2 * HOUR && priced < period.end
      ? h("p", { class: "hint", "data-key": "waits" }, "Older usage waits to be priced: the amounts below still change.")
      : null,
    scene.currency === null ? unknownCost(scene) : figures(scene, currencies),
  ];
}

/** Names to choose from are those that the page shows anyway. */
function namesOf({ top }) {
  const unique = (group) => [...new Set(top.rows.map((row) => row[group]).filter(Boolean))].sort();
  return { orgs: unique("org"), projects: unique("project") };
}

/** Nothing of it has a price, or there is nothing. */
function unknownCost({ state, context, top, all, hasRates: isKnown }) {
  if (top.totals.length)
    return [
      panel(
        "empty",
        "What was used has no price",
        h("p", {}, "How much was used is known, what it costs is not."),
      ),
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

function figures(scene, currencies) {
  const { context, currency, by, top, distribution, palette, groups, series } = scene;
  const whole = top.totals.find((total) => total.currency === currency);
  const subjects = top.subjects.find((one) => one.currency === currency);
  const rows = top.rows.filter((row) => row.currency === currency);
  const unattributed = top.unattributed.find((one) => one.currency === currency);
  const who = groupName(by);
  const stacked = new Set(series.filter(({ isRest }) => !isRest).map(({ name }) => name));
  const others = subjects ? sum([subjects.cost, ...rows.map(({ cost }) => negative(cost))]) : null;
  const name = (row) => nameOf(row, groups);
  return [
    ways(scene, currencies),
    tiles(scene, { whole, subjects, unattributed, who }),
    figure({ ...scene, heading: "Cost", csv: exportLink(scene), hasBy: false }),
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
        heading: who, rows, currency, subjects, total: { others }, unattributed, name,
        link: (row) => deeper(scene, row),
        colour: (row) => (stacked.has(name(row)) ? palette.number(name(row)) : 0),
      }),
    ),
    h(
      "section",
      { "data-key": "spread", "aria-labelledby": "spread" },
      h("h2", { id: "spread" }, "How it is spread"),
      spread(distribution.rows.find((row) => row.currency === currency), currency, plural(who)),
    ),
    outlook(scene),
    h(
      "section",
      { "data-key": "unpriced", "aria-labelledby": "unpriced" },
      h("h2", { id: "unpriced" }, "Without a price"),
      unpriced(top.unpricedModels),
    ),
    remarks(top),
    h("p", { class: "hint" }, "Prices, their sources and since when they hold: ", h("a", { href: context.link({ page: "metrics" }) }, "Metrics"), "."),
  ];
}

const plural = (who) => `${who}s`;

function exportLink({ state, period }) {
  return address("/api/v1/costs/export", { ...filtersOf(state), format: "focus", from: period.from, to: period.to });
}

/** The switches: by whom, and of which currency. */
function ways({ context, by, currency }, currencies) {
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
      h("datalist", { id: "known-by" }, MORE.map((one) => h("option", { value: one }))),
    ),
    currencies.length > 1 ? choice("Currency", "currency", currency, currencies, (one) => one) : null,
  );
}

function tiles({ state, currency, top, before, forecast, month }, { whole, subjects, unattributed, who }) {
  const lacking = [...top.unpriced].sort((a, b) => Number(b.share) - Number(a.share))[0];
  const earlier = before && (before.totals.find((total) => total.currency === currency)?.cost ?? "0");
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
      forecast?.low ? [humane(forecast.low, currency), " – ", humane(forecast.high, currency)] : forecast ? "no band yet" : "…",
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
  const others = state.filters.filter(([key]) => !narrowed(by, row, aliases).some(([own]) => own === key));
  return context.link({ filters: [...others, ...narrowed(by, row, aliases)], by: next });
}
