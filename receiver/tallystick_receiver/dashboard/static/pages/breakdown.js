// Breakdown: who has how much of one metric, step by step from organisations to projects to days to hours.

import { h } from "../dom.js";
import { filters } from "../filters.js";
import { groupName, groupsOf, groupTable, isTime } from "../groups.js";
import { completeness, panel, quantity } from "../parts.js";
import { periodOf } from "../period.js";
import { treemap } from "../treemap.js";
import { knownNames, metricsOf, Slow, sumsOf, usage, usageBefore } from "../usage_answers.js";

export const title = "Breakdown";
export const topics = ["usage"];
const LEVELS = ["org", "project", "service.name", "user.id", "day", "hour"];
const MAPPED = new Set(["org", "project"]);

/** See usage.js. */
export function open(state, context) {
  const slow = new Slow(context.again);
  return async (signal) => {
    const period = periodOf(state);
    const all = await slow.get(`all ${period.from} ${period.to}`, () => usage(state, period, "type", signal), true);
    const before = usageBefore(state, period, "type", slow, signal);
    const known = knownNames(state, period, slow, signal, sumsOf(all));
    const metrics = metricsOf(all, before);
    const metric = metrics.find(({ id }) => id === state.metric) ?? metrics[0];
    const by = state.by ?? ((context.session.orgId ?? state.org) ? "project" : "org");
    const scene = { state, context, period, all, known, metrics, metric, by };
    if (metric) {
      const own = ({ type, unit }) => type === metric.type && unit === metric.unit;
      const more = { type: metric.type };
      const [whole, both] = await Promise.all([
        usage(state, period, `type,${by}`, signal, more),
        MAPPED.has(by) ? usage(state, period, "type,org,project", signal, more) : { rows: [] },
      ]);
      scene.areas = both.rows.filter(own);
      const earlier = isTime(by) ? { rows: [] } : usageBefore(state, period, `type,${by}`, slow, signal, more);
      scene.groups = groupsOf(whole.rows.filter(own), earlier.rows.filter(own), by, !earlier.isRefused);
      scene.total = whole.totals.find(own)?.quantity ?? null;
    }
    return { content: page(scene) };
  };
}

function page(scene) {
  const { state, context, period, all, known, metric } = scene;
  return [
    h("div", { class: "heading", "data-key": "heading" }, h("h1", {}, "Breakdown"), trail(scene)),
    filters(state, { go: context.go, known, fixedOrg: context.session.orgId }),
    completeness(all.completeness, state, context.link({ page: "health" })),
    metric
      ? body(scene)
      : panel(
          "empty",
          "Nothing was recorded here",
          h("p", {}, `From ${period.from} on, with these filters, there is no usage.`),
        ),
  ];
}

function trail({ state, context, metric }) {
  const steps = [];
  const at = { metric: metric?.id ?? null };
  if (context.session.orgId === null)
    steps.push(["All organisations", { ...at, org: null, project: null, filters: [], by: "org", ...wider(state) }]);
  const org = context.session.orgId ?? state.org;
  if (org) steps.push([org, { ...at, org, project: null, filters: [], by: "project", ...wider(state) }]);
  if (state.project) steps.push([state.project, { ...at, by: "day", filters: [], ...wider(state) }]);
  for (const [key, value] of state.filters) steps.push([`${key} = ${value}`, { ...at, by: "day" }]);
  if (state.day) steps.push([state.from, { ...at }]);
  return h(
    "nav",
    { class: "trail", "aria-label": "Where this is" },
    h(
      "ol",
      {},
      steps.map(([name, patch], index) =>
        h(
          "li",
          {},
          index === steps.length - 1
            ? h("span", { "aria-current": "page" }, name)
            : h("a", { href: context.link(patch) }, name),
        ),
      ),
    ),
  );
}

/** Back from a day to the period that it was chosen in. */
function wider(state) {
  return state.day ? { range: state.day, day: null } : {};
}

function body(scene) {
  const { state, context, period, metrics, metric, by, groups, total, areas } = scene;
  const choices = [...new Set([...LEVELS.slice(context.session.orgId ? 1 : 0), by])];
  return [
    h(
      "div",
      { class: "controls", "data-key": "controls" },
      h(
        "label",
        {},
        h("span", { class: "label" }, "Metric"),
        h(
          "select",
          { name: "metric", onchange: (event) => context.go({ metric: event.target.value }) },
          metrics.map(({ id }) => h("option", { value: id, selected: id === metric.id }, id)),
        ),
      ),
      h(
        "label",
        {},
        h("span", { class: "label" }, "By"),
        h("input", {
          name: "by",
          value: by,
          list: "known-by",
          autocomplete: "off",
          onchange: (event) => context.go({ by: event.target.value.trim() || null }),
        }),
        h(
          "datalist",
          { id: "known-by" },
          choices.map((choice) => h("option", { value: choice }, groupName(choice))),
        ),
      ),
      h("p", { class: "sum" }, h("span", { class: "label" }, "Total"), quantity(total, metric.unit, { of: "total" })),
      h(
        "a",
        {
          class: "button",
          href: context.exportLink(period, metric.type, by === "type" ? "type" : `type,${by}`),
          download: true,
        },
        "Export CSV",
      ),
    ),
    MAPPED.has(by)
      ? treemap({
          rows: areas,
          unit: metric.unit,
          total,
          link: ({ org, project }) =>
            org === null || project === null ? null : context.link({ metric: metric.id, org, project, by: "day" }),
        })
      : null,
    groups.length
      ? groupTable({
          groups,
          by,
          unit: metric.unit,
          total,
          compareWith: state.compare ? period.before : null,
          link: (name) => linkTo(deeper(scene, name), context),
          colour: null,
          rowsMax: 200,
        })
      : panel("empty", "Nothing of this metric", h("p", {}, "With these filters there is none in this period.")),
    state.compare && !isTime(by) ? h("p", { class: "hint" }, `Compared with ${period.beforeName}.`) : null,
  ];
}

const linkTo = (patch, context) => (patch === null ? null : context.link(patch));

/** Where a row leads to; null where that is not one place: projects of several organisations may bear one name. */
function deeper({ state, context, by, metric, areas }, name) {
  const at = { metric: metric.id };
  if (by === "org") return { ...at, org: name, by: "project" };
  if (by === "project") {
    const orgs = [...new Set(areas.filter(({ project }) => project === name).map(({ org }) => org))];
    const org = context.session.orgId ?? state.org ?? (orgs.length === 1 ? orgs[0] : null);
    return org === null ? null : { ...at, org, project: name, by: "day" };
  }
  if (by === "day")
    return {
      ...at,
      range: "custom",
      from: name,
      to: name,
      day: state.range === "custom" ? "30d" : state.range,
      by: "hour",
    };
  if (isTime(by)) return { ...at, by: state.project ? "service.name" : "project" };
  return { ...at, filters: [...state.filters, [by, name]], by: "day" };
}
