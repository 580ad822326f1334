// What a widget shows: one metric over time, or all metrics. Pure: an answer of /api/usage in, elements out.

import { h } from "../dom.js";
import { exact, humane } from "../format.js";
import { completeness, quantity, table } from "../parts.js";
import { bucketKey, bucketsOf, plus, timeIn } from "../period.js";
import { emptiness } from "../usage_answers.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 40;
const WORDS = { zero: "none", unknown: "unknown", future: "not yet" };

/** The whole widget. `answer` is missing before the first one; `notice` says why there is none, or none that is new. */
export function widget(scene) {
  const { state, answer, at, notice, isTrouble } = scene;
  return h(
    "div",
    { class: "widget", part: "widget", role: "group", "aria-label": `Usage: ${state.metric ?? "all metrics"}` },
    answer ? [heading(scene), figures(scene), completeness(answer.completeness, state, null)] : null,
    notice === null
      ? null
      : h(
          "p",
          { class: isTrouble ? "notice trouble" : "notice", role: isTrouble ? "alert" : "status", "data-key": "notice" },
          answer ? `${notice}. These figures are of ${timeIn(state.tz, at)}.` : `${notice}.`,
        ),
  );
}

function heading({ state, period }) {
  return h(
    "p",
    { class: "heading", "data-key": "heading" },
    h("span", { class: "name", part: "name" }, state.metric ?? "Usage"),
    h("span", { class: "when" }, `${spanOf(period)} · ${state.tz}`),
  );
}

function spanOf({ from, to }) {
  const last = plus(to, -1);
  return from === last ? from : `${from} – ${last}`;
}

function figures(scene) {
  const { state, answer } = scene;
  if (answer.totals.length === 1 && state.metric !== null) return overTime(scene, answer.totals[0]);
  if (answer.totals.length > 0) return list(answer.totals);
  return h("p", { class: "figure", part: "figure", "data-key": "figure" }, nothing(scene));
}

/** No row: zero where everything is known to be here, else nobody knows. */
function nothing({ state, period, answer, now }) {
  const isZero =
    emptiness({ start: period.start, end: Math.min(period.end, now) }, answer.completeness, now) === "zero";
  return quantity(isZero ? "0" : null, "1", { of: state.metric });
}

function list(totals) {
  return h(
    "dl",
    { "data-key": "metrics" },
    totals.map(({ type, unit, quantity: text, level }) =>
      h(
        "div",
        { "data-key": `${type} ${unit}` },
        h("dt", {}, type, level ? h("span", { class: "kind" }, " last") : null),
        h("dd", {}, quantity(text, unit, { of: type })),
      ),
    ),
  );
}

function overTime(scene, total) {
  const { state, period, answer } = scene;
  const values = new Map(answer.rows.map((row) => [bucketKey(row, period.bucket), row.quantity]));
  const buckets = bucketsOf(period, state.tz).map((bucket) => ({
    ...bucket,
    name: period.bucket === "hour" ? timeIn(state.tz, bucket.start) : bucket.key,
    quantity: values.get(bucket.key) ?? null,
    state: stateOf(values, bucket, scene, total),
  }));
  return [
    h(
      "p",
      { class: "figure", part: "figure", "data-key": "figure" },
      quantity(total.quantity, total.unit, { of: total.type }),
      total.level ? h("span", { class: "kind" }, " last") : null,
    ),
    chart(buckets, total.unit),
    h(
      "p",
      { class: "ends", "aria-hidden": "true", "data-key": "ends" },
      h("span", {}, buckets[0].name),
      h("span", {}, buckets.at(-1).name),
    ),
    h(
      "details",
      { "data-key": "figures" },
      h("summary", {}, `By ${period.bucket}`),
      table(
        `${total.type} by ${period.bucket}, ${spanOf(period)}`,
        [{ name: period.bucket }, { name: total.level ? "last" : "sum", isNumber: true }],
        buckets.filter((bucket) => bucket.state !== "future").map((bucket) => row(bucket, total.unit)),
      ),
    ),
  ];
}

/** Of a level without a sample nobody knows how much there was, however complete everything is. */
function stateOf(values, bucket, { answer, now }, total) {
  if ((values.get(bucket.key) ?? null) !== null) return "known";
  const state = emptiness(bucket, answer.completeness, now);
  return state === "zero" && (total.level || values.has(bucket.key)) ? "unknown" : state;
}

function row(bucket, unit) {
  const text = bucket.state === "zero" ? "0" : bucket.quantity;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, bucket.name),
    h("td", { class: "number" }, quantity(text, unit, { of: bucket.key })),
  );
}

/** Bars; what is unknown is shaded to the top, so that it does not look like zero. */
function chart(buckets, unit) {
  const most = Math.max(...buckets.map(({ quantity: text }) => Number(text ?? 0)), 0);
  const width = 100 / buckets.length;
  const bars = buckets.map((bucket, index) => {
    const share = most ? Math.max(Number(bucket.quantity ?? 0), 0) / most : 0;
    const height = bucket.state === "unknown" ? HEIGHT : share ? Math.max(share * HEIGHT, 0.6) : 0;
    const bar = h("rect", {
      class: bucket.state,
      x: (index * width + width * 0.1).toFixed(3),
      y: (HEIGHT - height).toFixed(2),
      width: (width * 0.8).toFixed(3),
      height: height.toFixed(2),
    });
    const tip = document.createElementNS(SVG, "title");
    tip.append(`${bucket.name}: ${bucket.state === "known" ? tipOf(bucket.quantity, unit) : WORDS[bucket.state]}`);
    bar.append(tip);
    return bar;
  });
  return h(
    "svg",
    {
      class: "bars",
      part: "chart",
      viewBox: `0 0 100 ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
      "data-key": `chart ${buckets.length}`,
    },
    bars,
  );
}

function tipOf(text, unit) {
  return `${humane(text, unit)} (${exact(text, unit)})`;
}
