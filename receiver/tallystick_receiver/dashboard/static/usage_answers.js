// The questions of the pages about usage, and what their answers mean together.

import { ask, filtersOf } from "./api.js";
import { sum } from "./decimal.js";
import { bucketKey } from "./period.js";

const BEFORE_SECONDS = 30;
const SERIES_MAX = 8;

/** /api/usage of a state in a period. */
export function usage(state, period, groupBy, signal, more = {}) {
  return ask("/api/usage", { ...filtersOf(state), from: period.from, to: period.to, groupBy, ...more }, { signal });
}

/** Answers that change slowly (earlier periods, names), asked again twice a minute at most. */
export class Slow {
  #found = new Map();

  async get(name, question) {
    const known = this.#found.get(name);
    if (known && performance.now() - known.at < BEFORE_SECONDS * 1000) return known.answer;
    const answer = await question();
    this.#found.set(name, { at: performance.now(), answer });
    return answer;
  }
}

/** Usage of the period before; an empty answer where nothing is compared. */
export async function usageBefore(state, period, groupBy, slow, signal, more = {}) {
  if (!state.compare || period.before.isEmpty) return { rows: [], totals: [] };
  const name = JSON.stringify([groupBy, period.before, more]);
  try {
    return await slow.get(name, () => usage(state, period.before, groupBy, signal, more));
  } catch (problem) {
    // What the period before needs may be dropped already (keep_hourly_days): the figures of this one stand by themselves.
    if (problem.status === 400) return { rows: [], totals: [], isRefused: true };
    throw problem;
  }
}

/** Names to choose from: organisations and, in the chosen one, projects. */
export async function knownNames(state, period, slow, signal) {
  const everybody = { ...state, org: null, project: null, filters: [] };
  const answer = await slow.get(`names ${period.from} ${period.to}`, () =>
    usage(everybody, period, "org,project", signal),
  );
  const rows = answer.rows.filter(({ org }) => state.org === null || org === state.org);
  const unique = (values) => [...new Set(values.filter((value) => value !== null))].sort();
  return { orgs: unique(answer.rows.map(({ org }) => org)), projects: unique(rows.map(({ project }) => project)) };
}

/** One metric in one unit: its id in addresses is its type, with the unit where a type has several. */
export function metricsOf(now, before) {
  const found = new Map();
  for (const total of [
    ...now.totals,
    ...before.totals.map((total) => ({ ...total, quantity: null, isBefore: true })),
  ]) {
    const key = `${total.type} ${total.unit}`;
    if (!found.has(key)) found.set(key, total);
  }
  const metrics = [...found.values()];
  return metrics
    .map((metric) => ({
      ...metric,
      id: metrics.filter(({ type }) => type === metric.type).length > 1 ? `${metric.type} ${metric.unit}` : metric.type,
      before:
        before.totals.find(({ type, unit }) => type === metric.type && unit === metric.unit)?.quantity ??
        (before.isRefused ? null : "0"),
    }))
    .sort((a, b) => rank(a) - rank(b));
}

/** The state of a bucket without usage: "zero", "unknown" or "future". */
export function emptiness({ start, end }, completeness, now) {
  if (start >= now) return "future";
  if (completeness.state === "unknown" || completeness.until === null) return "unknown";
  return Date.parse(completeness.until) >= Math.min(end, now - 60000) ? "zero" : "unknown";
}

/** Series for a chart: the largest groups, and the sum of the rest. Values are texts; null where nothing is known. */
export function seriesOf(rows, groups, by, buckets, bucket, isLevel) {
  const top = groups
    .filter(({ quantity }) => quantity !== null && Number(quantity) !== 0)
    .slice(0, groups.length > SERIES_MAX + 1 ? SERIES_MAX : SERIES_MAX + 1)
    .map(({ name }) => name);
  const cells = new Map();
  for (const row of rows) {
    const name = top.includes(row[by]) ? row[by] : undefined;
    const cell = JSON.stringify([name ?? null, name === undefined, bucketKey(row, bucket)]);
    if (row.quantity !== null) cells.set(cell, [...(cells.get(cell) ?? []), row.quantity]);
  }
  const values = (name, isRest) =>
    buckets.map(({ key }) => {
      const found = cells.get(JSON.stringify([name, isRest, key]));
      return found ? sum(found) : null;
    });
  const series = top.map((name) => ({ name: name ?? "(none)", isRest: false, isLevel, values: values(name, false) }));
  const rest = values(null, true);
  if (rest.some((value) => value !== null))
    series.push({ name: `${groups.length - top.length} others`, isRest: true, isLevel, values: rest });
  return series;
}

function rank({ unit, level }) {
  return unit === "By" && !level ? 0 : level ? 2 : 1;
}
