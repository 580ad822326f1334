// Usage: every metric at a glance, one of them over time, and who used it.

import { h } from "../dom.js";
import { drawn, figure } from "../figure.js";
import { Palette } from "../charts.js";
import { filters } from "../filters.js";
import { groupName, groupsOf, groupTable } from "../groups.js";
import { completeness, growth, panel, quantity, sparkline } from "../parts.js";
import { bucketKey, bucketsOf, periodOf, plus } from "../period.js";
import {
  emptiness,
  everything,
  knownNames,
  metricsOf,
  seriesOf,
  Slow,
  sumsOf,
  usage,
  usageBefore,
} from "../usage_answers.js";

export const title = "Usage";
export const topics = ["usage"];

/** A round asks and returns what to show; `after` runs when it is on the screen. */
export function open(state, context) {
  const slow = new Slow(context.again);
  const palette = new Palette();
  return async (signal) => {
    const period = periodOf(state);
    const all = await everything(state, period, slow, signal);
    const before = usageBefore(state, period, "type", slow, signal);
    const known = knownNames(state, period, slow, signal, sumsOf(all));
    const metrics = metricsOf(all, before);
    const metric = metrics.find(({ id }) => id === state.metric) ?? metrics[0];
    const by = state.by ?? ((state.org ?? context.session.orgId) ? "project" : "org");
    const chosen = metric ? await answersOf({ state, period, metric, by, slow, signal }) : null;
    const scene = {
      state,
      context,
      period,
      all,
      before,
      known,
      metrics,
      metric,
      by,
      palette,
      now: new Date(),
      ...chosen,
    };
    return { content: page(scene), after: metric ? () => drawn(scene) : null };
  };
}

async function answersOf({ state, period, metric, by, slow, signal }) {
  const own = ({ type, unit }) => type === metric.type && unit === metric.unit;
  const [overTime, whole] = await Promise.all([
    usage(state, period, `type,${period.bucket},${by}`, signal, { type: metric.type }),
    usage(state, period, `type,${by}`, signal, { type: metric.type }),
  ]);
  const wholeBefore = usageBefore(state, period, `type,${by}`, slow, signal, { type: metric.type });
  const groups = groupsOf(whole.rows.filter(own), wholeBefore.rows.filter(own), by, !wholeBefore.isRefused);
  const buckets = bucketsOf(period, state.tz);
  const series = seriesOf(overTime.rows.filter(own), groups, by, buckets, period.bucket, Boolean(metric.level));
  return { groups, buckets, series, total: whole.totals.find(own)?.quantity ?? null };
}

function page(scene) {
  const { state, context, period, all, known, metrics, metric } = scene;
  return [
    h(
      "div",
      { class: "heading", "data-key": "heading" },
      h("h1", {}, "Usage"),
      h("p", { class: "when" }, span(state, period), comparison(scene)),
    ),
    filters(state, { go: context.go, known, fixedOrg: context.session.orgId }),
    completeness(all.completeness, state, context.link({ page: "health" })),
    metrics.length === 0 ? nothing(scene) : [tiles(scene), figure(scene), metric ? whoTable(scene) : null],
  ];
}

function span(state, period) {
  const last = plus(period.to, -1);
  return h("span", {}, period.from === last ? period.from : `${period.from} – ${last}`, ` · ${state.tz}`);
}

function comparison({ state, context, period, before }) {
  const text = !state.compare
    ? "not compared"
    : before.isPending
      ? "comparing …"
      : before.isRefused
        ? "the period before is not kept any more"
        : `compared with ${period.beforeName}`;
  return [
    h("span", {}, ` · ${text} `),
    h(
      "button",
      { type: "button", class: "plain", onclick: () => context.go({ compare: !state.compare }) },
      state.compare ? "Don't compare" : "Compare",
    ),
  ];
}

function nothing({ state, all, context }) {
  const where = location.origin;
  return panel(
    "empty",
    "Nothing was recorded here",
    h(
      "p",
      {},
      all.completeness.state === "complete"
        ? "In this period, with these filters, usage is zero: everything that was announced has arrived."
        : "Whether there was any is not known: nobody has announced usage of this period.",
    ),
    state.org || state.project || state.filters.length
      ? h("p", {}, h("a", { href: context.link({ org: null, project: null, filters: [] }) }, "Remove all filters"))
      : [
          h("p", {}, "Send some, from any OpenTelemetry SDK (OTLP/HTTP) or with one line:"),
          h(
            "pre",
            { tabindex: "0", role: "region", "aria-label": "An example" },
            `curl -H 'Content-Type: application/json' ${where}/api/v1/usage/records \\\n  -d '{"metricKey": "queries.executed", "subjectType": "org", "subjectId": "acme", "quantity": 1}'`,
          ),
        ],
  );
}

function tiles({ state, context, period, all, metrics, metric, before, now }) {
  const buckets = bucketsOf(period, state.tz);
  const cells = new Map(
    all.rows.map((row) => [`${row.type} ${row.unit} ${bucketKey(row, period.bucket)}`, row.quantity]),
  );
  return h(
    "ul",
    { class: "tiles", "data-key": "tiles", "aria-label": "Metrics" },
    metrics.map((own) => {
      const values = buckets.map(({ key }) => cells.get(`${own.type} ${own.unit} ${key}`) ?? null);
      const isZero =
        own.isBefore &&
        emptiness({ start: period.start, end: Math.min(period.end, now) }, all.completeness, now) === "zero";
      const shown = own.isBefore ? (isZero ? "0" : null) : own.quantity;
      return h(
        "li",
        { "data-key": own.id },
        h(
          "a",
          {
            class: "tile",
            href: context.link({ metric: own.id }),
            "aria-current": own.id === metric.id ? "true" : null,
            "data-metric": own.id,
          },
          h(
            "span",
            { class: "name" },
            own.type,
            own.level
              ? h("span", { class: "kind", title: "a level: how much there is, not how much was added" }, "level")
              : null,
          ),
          h("span", { class: "figure" }, quantity(shown, own.unit, { of: own.id, isApart: true })),
          h(
            "span",
            { class: "beside" },
            state.compare && !before.isRefused ? growth(shown, own.before) : null,
            own.level && own.level.average !== null
              ? h("span", { class: "average" }, "average ", quantity(rounded(own.level.average), own.unit))
              : null,
          ),
          sparkline(values),
        ),
      );
    }),
  );
}

/** An average has as many digits as a division gives; what is looked at needs six. */
function rounded(text) {
  return text.includes(".") ? String(Number(Number(text).toPrecision(6))) : text;
}

function whoTable({ state, context, period, groups, by, metric, total, palette, series }) {
  const drawn = new Set(series.filter(({ isRest }) => !isRest).map(({ name }) => name));
  const link = (name) => {
    if (by === "org") return context.link({ org: name, by: "project" });
    if (by === "project") return context.link({ project: name, by: "service.name" });
    return context.link({ filters: [...state.filters, [by, name]], by: state.org ? "project" : "org" });
  };
  return h(
    "section",
    { "data-key": "who", "aria-label": "Who used it" },
    h(
      "div",
      { class: "total" },
      h("h2", {}, `By ${groupName(by).toLowerCase()}`),
      h("p", {}, "Total ", quantity(total, metric.unit, { of: "total" })),
      h("a", { class: "plain", href: context.link({ page: "breakdown", metric: metric.id, by }) }, "Breakdown"),
    ),
    groupTable({
      groups,
      by,
      unit: metric.unit,
      total,
      compareWith: state.compare ? period.before : null,
      link,
      colour: (name) => (drawn.has(name ?? "(none)") ? palette.number(name ?? "(none)") : 0),
    }),
  );
}
