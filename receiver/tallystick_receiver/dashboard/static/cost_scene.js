// What the page about cost asks: in each round what moves, now and then what costs more to answer.

import { ask, filtersOf } from "./api.js";
import { aliasGroups, costs, currenciesOf, groupsFor, monthOf, runningSum, stackOf } from "./cost_answers.js";
import { bucketsOf, periodOf } from "./period.js";

const SHOWN_MAX = 50;
const NOTHING = { rows: [], totals: [] };

/** Everything that the page shows; `fixedOrg` is the organisation of the key, and null of a key for all. */
export async function sceneOf(state, fixedOrg, slow, signal) {
  const period = periodOf(state);
  const by = state.by ?? "user";
  const groups = groupsFor(by, (fixedOrg ?? state.org) !== null);
  const groupBy = groups.join(",");
  const report = (name, more = {}) => costs(state, period, name, signal, { groupBy, ...more });
  const window = { orgId: state.org, from: period.from, to: period.to, tz: state.tz };
  const [top, overTime, books, distribution] = await Promise.all([
    report("/top", { limit: SHOWN_MAX }),
    report("", { groupBy: period.bucket }),
    ask("/api/v1/completeness", window, { signal }),
    slow.get(`distribution ${period.from}`, () => report("/distribution"), true),
  ]);
  const currencies = currenciesOf(top);
  const currency = currencies.includes(state.currency) ? state.currency : (currencies[0] ?? null);
  const all = { completeness: books };
  const known = knownNames(state, period, slow, signal);
  const now = new Date();
  const scene = { state, period, by, groups, currencies, currency, top, overTime, distribution, all, known, now };
  if (currency === null) return { ...scene, hasRates: await hasRates(state, slow, signal) };
  return { ...scene, ...(await ofCurrency(scene, slow, report, signal)) };
}

/** What is asked once it is known of which currency. */
async function ofCurrency(scene, slow, report, signal) {
  const { state, period, by, currency, now } = scene;
  const buckets = bucketsOf(period, state.tz);
  const month = monthOf(state, now);
  const byDay = () => costs(state, month, "/trend", signal, { groupBy: "day" });
  const aliases = aliasGroups(by);
  const [series, names, trend] = await Promise.all([
    slow.get(`stack ${period.from}`, () => stackOf({ ...scene, buckets }, (more) => report("", more)), true),
    aliases ? slow.get(`names ${period.from}`, () => report("", { groupBy: aliases })) : NOTHING,
    slow.get(`days ${month.from}`, byDay, true),
  ]);
  const earlier = () => costs(state, period.before, "", signal, { groupBy: "type" });
  const isCompared = state.compare && !period.before.isEmpty;
  const before = isCompared ? slow.later(`before ${period.from}`, earlier, null) : null;
  const forecast = slow.later(`forecast ${month.from}`, () => forecastOf(state, month, signal), null);
  return {
    buckets,
    month,
    series,
    aliases: names,
    before,
    days: runningSum(trend, currency),
    forecast: ofOne(forecast, currency),
  };
}

/** Names to choose from: organisations that cause cost and, in the chosen one, projects. */
function knownNames(state, period, slow, signal) {
  const everybody = { ...state, org: null, project: null, filters: [] };
  const question = () => costs(everybody, period, "", signal, { groupBy: "org,project" });
  const { rows } = slow.later(`known ${period.from}`, question, NOTHING);
  const unique = (values) => [...new Set(values)].filter((value) => value !== null).sort();
  const own = rows.filter(({ org }) => state.org === null || org === state.org);
  return { orgs: unique(rows.map(({ org }) => org)), projects: unique(own.map(({ project }) => project)) };
}

async function hasRates(state, slow, signal) {
  const found = await slow.get("rates", () => ask("/api/v1/rates", { orgId: state.org, limit: 1 }, { signal }));
  return found.rates.length > 0;
}

/** The forecast of a month, or why there is none. */
function forecastOf(state, month, signal) {
  const asked = { ...filtersOf(state), from: month.from, until: month.to };
  return ask("/api/v1/costs/forecast", asked, { signal }).catch((problem) => {
    if (problem.status === 400) return { totals: [], refused: problem.message };
    throw problem;
  });
}

/** Its figures in one currency; null until there is an answer. */
function ofOne(forecast, currency) {
  if (forecast === null) return null;
  const found = forecast.totals.find((total) => total.currency === currency);
  return found ?? { total: null, low: null, high: null, refused: forecast.refused };
}
