// The questions of the pages about usage, and what their answers mean together.

import { ask, filtersOf } from "./api.js";
import { sum } from "./decimal.js";
import { bucketKey } from "./period.js";

const BEFORE_SECONDS = 30;
const COST = 10;
const TYPES_MAX = 40;
const NOTHING = { rows: [], totals: [] };
const SERIES_MAX = 8;

/** /api/usage of a state in a period. */
export function usage(state, period, groupBy, signal, more = {}) {
  return ask("/api/usage", { ...filtersOf(state), from: period.from, to: period.to, groupBy, ...more }, { signal });
}

/** Answers that change slowly or cost much: asked again after half a minute, or after ten times what they took. */
export class Slow {
  #found = new Map();
  #again;

  /** `again` is called when an answer that nobody waited for has come. */
  constructor(again) {
    this.#again = again;
  }

  /** An answer, waited for. */
  async get(name, question, isPaced = false) {
    const known = this.#found.get(name);
    if (known && performance.now() < known.until) return known.answer;
    const began = performance.now();
    const answer = await question();
    const took = performance.now() - began;
    const kept = isPaced ? Math.min(COST * took, BEFORE_SECONDS * 1000) : BEFORE_SECONDS * 1000;
    this.#found.set(name, { until: performance.now() + kept, answer });
    return answer;
  }

  /** An answer if there is one, else what stands for it until it is there: the page does not wait. */
  later(name, question, instead) {
    const known = this.#found.get(name);
    if (known && performance.now() < known.until) return known.answer;
    this.#found.set(name, { until: Infinity, answer: known?.answer ?? instead });
    question().then(
      (answer) => {
        this.#found.set(name, { until: performance.now() + BEFORE_SECONDS * 1000, answer });
        this.#again();
      },
      () => this.#found.delete(name),
    );
    return known?.answer ?? instead;
  }
}

/**
 * All metrics over time. Levels cost more than sums, since they are integrated: once it is known which metrics are
 * levels, sums are asked in each round and the whole only as often as it is cheap.
 */
export async function everything(state, period, slow, signal) {
  const groupBy = `type,${period.bucket}`;
  const question = async () => ({ ...(await usage(state, period, groupBy, signal)), at: performance.now() });
  const began = performance.now();
  const whole = await slow.get(`everything ${period.from} ${period.to}`, question, true);
  const sums = sumsOf(whole);
  if (whole.at >= began || !sums.length || sums.length > TYPES_MAX) return whole.at >= began ? whole : question();
  const live = await usage(state, period, groupBy, signal, { type: sums });
  const levels = (rows) => rows.filter(({ level }) => level);
  const isWorse = whole.completeness.state !== "complete" && live.completeness.state === "complete";
  return {
    rows: [...live.rows, ...levels(whole.rows)],
    totals: [...live.totals, ...levels(whole.totals)],
    completeness: isWorse ? whole.completeness : live.completeness,
  };
}

/** Usage of the period before; an empty answer where nothing is compared, or until it is there. */
export function usageBefore(state, period, groupBy, slow, signal, more = {}) {
  if (!state.compare || period.before.isEmpty) return NOTHING;
  const name = JSON.stringify([groupBy, period.before, more]);
  const question = () =>
    usage(state, period.before, groupBy, signal, more).catch((problem) => {
      // What it needs may be dropped already (keep_hourly_days): the figures of this period stand by themselves.
      if (problem.status === 400) return { ...NOTHING, isRefused: true };
      throw problem;
    });
  return slow.later(name, question, { ...NOTHING, isRefused: true, isPending: true });
}

/** Names to choose from: organisations and, in the chosen one, projects. `types` are sums, which are cheap. */
export function knownNames(state, period, slow, signal, types = []) {
  const everybody = { ...state, org: null, project: null, filters: [] };
  const asked = types.length && types.length <= TYPES_MAX ? { type: types } : {};
  const question = () => usage(everybody, period, "org,project", signal, asked);
  const answer = slow.later(`names ${period.from} ${period.to}`, question, NOTHING);
  const rows = answer.rows.filter(({ org }) => state.org === null || org === state.org);
  const unique = (values) => [...new Set(values.filter((value) => value !== null))].sort();
  return { orgs: unique(answer.rows.map(({ org }) => org)), projects: unique(rows.map(({ project }) => project)) };
}

/** The types of an answer that are sums. */
export const sumsOf = (answer) => [...new Set(answer.totals.filter(({ level }) => !level).map(({ type }) => type))];

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
