// One metric over time: the chart, and the same figures as a table for whoever cannot see it.

import { draw, isAvailable, savePicture } from "./charts.js";
import { sum } from "./decimal.js";
import { h } from "./dom.js";
import { unitName } from "./format.js";
import { groupName } from "./groups.js";
import { quantity, table } from "./parts.js";
import { timeIn } from "./period.js";
import { emptiness } from "./usage_answers.js";

const DIMENSIONS = ["service.name", "user.id", "region"];

/**
 * The figure of a scene: see pages/usage.js. A page that shows something else than usage says in the scene what it is:
 * `csv` (the address of a file), `hasBy` (false where the page has its own choice of groups), `lacking` (what stands for
 * a bucket without a figure).
 */
export function figure(scene) {
  const { state, context, period, metric, by, series } = scene;
  const choices = [...new Set(["org", "project", ...DIMENSIONS, by])];
  return h(
    "figure",
    { class: "chart", "data-key": "chart" },
    h(
      "figcaption",
      {},
      h("h2", {}, metric.type, h("span", { class: "unit" }, ` ${measure(scene)}`)),
      scene.hasBy === false
        ? null
        : h(
            "label",
            {},
            h("span", { class: "label" }, "Stacked by"),
            h("input", {
              name: "by",
              value: by,
              list: "known-by",
              autocomplete: "off",
              spellcheck: "false",
              onchange: (event) => context.go({ by: event.target.value.trim() || null }),
            }),
            h(
              "datalist",
              { id: "known-by" },
              choices.map((choice) => h("option", { value: choice }, groupName(choice))),
            ),
          ),
      isAvailable
        ? h(
            "button",
            {
              type: "button",
              class: "plain",
              onclick: () => savePicture(document.getElementById("plot"), `${metric.type}-${period.from}`),
            },
            "PNG",
          )
        : null,
      h(
        "a",
        {
          class: "plain",
          href: scene.csv ?? context.exportLink(period, metric.type, `type,${period.bucket},${by}`),
          download: true,
        },
        "CSV",
      ),
    ),
    isAvailable
      ? h("div", { id: "plot", class: "plot", "data-key": "plot", keep: true, "aria-hidden": "true" })
      : h(
          "p",
          { class: "notice" },
          "For charts install the library beside the receiver: ",
          h("code", {}, "pip install 'tallystick[dashboard]'"),
          ".",
        ),
    unknownSpans(scene.buckets, scene.all.completeness, scene.now).length && isAvailable
      ? h(
          "p",
          { class: "hint" },
          h("span", { class: "swatch unknown", "aria-hidden": "true" }),
          "shaded: not known to be complete",
        )
      : null,
    h(
      "details",
      { "data-key": "figures", open: isAvailable ? null : true },
      h("summary", {}, "These figures as a table"),
      series.length ? overTime(scene) : h("p", {}, "None."),
    ),
  );
}

function measure({ metric, period }) {
  const unit = metric.unit === "By" ? "bytes" : unitName(metric.unit);
  return `${metric.level ? "last" : "sum"} by ${period.bucket}${unit ? `, ${unit}` : ""}`;
}

function overTime({ state, period, metric, series, buckets, all, now, lacking }) {
  const columns = [
    { name: period.bucket },
    ...series.map(({ name }) => ({ name, isNumber: true })),
    { name: "All", isNumber: true },
  ];
  const rows = buckets
    .filter(({ start }) => start < now)
    .map((bucket) => {
      const index = buckets.indexOf(bucket);
      const values = series.map(({ values: own }) => own[index]);
      const known = values.filter((value) => value !== null);
      // Of a level that nobody sampled nothing is known, however complete everything is.
      const none = !metric.level && emptiness(bucket, all.completeness, now) === "zero" ? "0" : null;
      const shown = (value) =>
        value === null && lacking ? lacking(bucket, none) : quantity(value ?? none, metric.unit);
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, period.bucket === "hour" ? timeIn(state.tz, bucket.start) : bucket.key),
        [...values, known.length ? sum(known) : null].map((value) => h("td", { class: "number" }, shown(value))),
      );
    });
  return table(`${metric.type} by ${period.bucket}`, columns, rows, { key: "over-time" });
}

/** Draw the chart, once its place is on the screen. */
export function drawn({ state, period, metric, buckets, series, all, now, palette }) {
  const plot = document.getElementById("plot");
  if (!plot) return null;
  const unknown = unknownSpans(buckets, all.completeness, now);
  return draw(plot, { buckets, bucket: period.bucket, series, unit: metric.unit, unknown, tz: state.tz, palette });
}

/** The spans of which nobody knows whether they are complete, up to now. */
function unknownSpans(buckets, found, now) {
  const end = new Date(Math.min(now, buckets.at(-1).end));
  if (end <= buckets[0].start) return [];
  if (found.state === "unknown" || found.until === null) return [[buckets[0].start, end]];
  const until = new Date(found.until);
  return end - until > 120000 ? [[new Date(Math.max(until, buckets[0].start)), end]] : [];
}
