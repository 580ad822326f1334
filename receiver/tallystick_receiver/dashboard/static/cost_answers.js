// The questions of the page about cost, and what their answers mean together. Currencies are never added up.

import { ask, filtersOf } from "./api.js";
import { negative, sum } from "./decimal.js";
import { bucketKey, dateIn } from "./period.js";

const STACKED_MAX = 8;
const CELLS_MAX = 5000;
/** Where a group's value is found in usage as it was sent; other groups bear their attribute's name. */
const KEYS = {
  user: "user.id",
  feature: "app.feature",
  conversation: "gen_ai.conversation.id",
  agent: "gen_ai.agent.name",
  root: "llm.root_id",
  kind: "token.kind",
  tier: "llm.service_tier",
  region: "llm.region",
};
/** Groups that bear the names that rates use, whatever was sent. */
const RESOLVED = { model: "gen_ai.response.model", provider: "gen_ai.provider.name" };
/** Groups that nothing of the usage stands for, so that nothing can be filtered by them. */
const DERIVED = new Set(["type", "source", "grade", "state", "category"]);
/** Groups that no single attribute stands for: of them there are few. */
const FEW = new Set(["org", "project", "kind", "tier", "region", ...DERIVED, ...Object.keys(RESOLVED)]);

/** /api/v1/costs and its reports, of a state in a period. */
export function costs(state, { from, to }, report, signal, more = {}) {
  return ask(`/api/v1/costs${report}`, { ...filtersOf(state), from, to, ...more }, { signal });
}

/** What is grouped by: a project's name means something within its organisation only. */
export function groupsFor(by, hasOrg) {
  return by === "project" && !hasOrg ? ["org", "project"] : [by];
}

/** What a row is called. */
export const nameOf = (row, groups) => groups.map((group) => row[group] ?? "(none)").join(" / ");

/** The currencies of an answer; those that only unpriced usage has are none. */
export const currenciesOf = ({ totals }) => totals.map(({ currency }) => currency).filter((one) => one !== null);

/**
 * Cost of one currency over time: the costliest, and everything else.
 *
 * Values are decimal texts, null where there was no cost in that currency. `asked` asks for cost by further groups.
 */
export async function stackOf(scene, asked) {
  const { currency, groups, by, buckets, period, top, overTime } = scene;
  const totals = cellsOf(overTime.rows, currency, period.bucket, () => "");
  const value = ({ key }, name) => totals.get(JSON.stringify([name, key])) ?? null;
  const whole = buckets.map((bucket) => value(bucket, ""));
  const named = top.rows.filter((row) => row.currency === currency).slice(0, STACKED_MAX);
  const key = FEW.has(by) ? null : (KEYS[by] ?? by);
  const count = top.subjects.find((one) => one.currency === currency)?.count ?? 0;
  const isFew = key !== null || count * buckets.length <= CELLS_MAX;
  const series = [];
  if (named.length && isFew) {
    const only = key === null ? {} : { [`attr.${key}`]: named.map((row) => row[by]) };
    const found = await asked({ groupBy: [period.bucket, ...groups].join(","), ...only });
    const cells = cellsOf(found.rows, currency, period.bucket, (row) => nameOf(row, groups));
    for (const row of named) {
      const name = nameOf(row, groups);
      const values = buckets.map((bucket) => cells.get(JSON.stringify([name, bucket.key])) ?? null);
      series.push({ name, isRest: false, values });
    }
  }
  const rest = whole.map((total, index) => {
    if (total === null) return null;
    const known = series.map(({ values }) => values[index]).filter((one) => one !== null);
    const left = sum([total, ...known.map(negative)]);
    return Number(left) === 0 && known.length ? null : left;
  });
  if (rest.some((one) => one !== null))
    series.push({ name: series.length ? "everything else" : "all", isRest: true, values: rest });
  return series;
}

/** Keys of buckets in which something was used, and nothing of it has a price. */
export function unpricedKeys(rows, bucket) {
  const priced = new Set(rows.filter(({ cost }) => cost !== null).map((row) => bucketKey(row, bucket)));
  const all = rows.map((row) => bucketKey(row, bucket));
  return new Set(all.filter((key) => !priced.has(key)));
}

function cellsOf(rows, currency, bucket, name) {
  return new Map(
    rows
      .filter((row) => row.currency === currency && row.cost !== null)
      .map((row) => [JSON.stringify([name(row), bucketKey(row, bucket)]), row.cost]),
  );
}

/** This month, by days so far and with what it is expected to come to. */
export function monthOf(state, now = new Date()) {
  const first = `${dateIn(state.tz, now).slice(0, 7)}-01`;
  const next = new Date(Date.parse(`${first}T00:00:00Z`) + 32 * 86400000).toISOString().slice(0, 7);
  return { from: first, to: `${next}-01` };
}

/** The running sum of a currency's days, up to today: [{day, cost}]. Days without a price add nothing. */
export function runningSum(trend, currency) {
  let total = "0";
  return trend.rows
    .filter((row) => row.currency === currency)
    .map(({ day, cost }) => {
      total = cost === null ? total : sum([total, cost]);
      return { day, cost: total };
    });
}

/** Filters that leave one subject: [[key, value]]; several where it was sent under several names, none where none can. */
export function narrowed(by, row, aliases) {
  if (DERIVED.has(by)) return [];
  const resolved = RESOLVED[by];
  if (!resolved) return [[KEYS[by] ?? by, row[by]]];
  const sent = aliases.rows.filter((other) => other[by] === row[by]).map((other) => other[resolved]);
  return [...new Set(sent)].filter((name) => name !== null).map((name) => [resolved, name]);
}

/** The grouping whose rows say under which names something was sent; null where that is its name. */
export const aliasGroups = (by) => (RESOLVED[by] ? `${by},${RESOLVED[by]}` : null);
