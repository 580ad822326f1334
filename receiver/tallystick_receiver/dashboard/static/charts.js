// Charts by plotly.js, which is loaded when the figures are on the screen already; without it there are tables.

import { exact, isCurrency } from "./format.js";
import { timeIn } from "./period.js";

const meta = document.querySelector("meta[name=tallystick-charts]");
const COLOURS = 8;
const WIDTHS = { hour: 3600000, day: 86400000, month: "M1" };
const HOVERED = { hour: "%d %b %Y, %H:%M", day: "%a %d %b %Y", month: "%b %Y" };
const SETTINGS = { displayModeBar: false, responsive: true };
const HEIGHT = 308;
const probe = document.createElement("span");
const drawings = new WeakMap();
let loading = null;

/** Whether the receiver has the library (the extra `dashboard`). */
export const isAvailable = Boolean(meta?.content);

/** Colours by name that stay with the name while a page is open. */
export class Palette {
  #taken = new Map();

  /** A colour's number, from 1 on. */
  number(name) {
    if (!this.#taken.has(name)) this.#taken.set(name, (this.#taken.size % COLOURS) + 1);
    return this.#taken.get(name);
  }
}

/**
 * Stacked bars over time.
 *
 * `series` are {name, isRest, values} with a decimal text or null for each bucket; `unknown` are the spans
 * [start, end] of which it is not known whether they are complete.
 */
export async function draw(element, { buckets, bucket, series, unit, unknown, tz, palette }) {
  const local = localTime(tz);
  const x = buckets.map(({ start }) => local(start));
  const data = series.map(({ name, isRest, values }) => ({
    type: "bar",
    name: escaped(shortened(name)),
    x,
    y: values.map((value) => (value === null ? null : Number(value))),
    customdata: values.map((value) => exact(value, unit)),
    hovertemplate: "%{customdata}",
    xperiod: WIDTHS[bucket],
    xperiodalignment: "middle",
    marker: { color: colour(isRest ? "--chart-rest" : `--chart-${palette.number(name)}`), line: { width: 0 } },
  }));
  const shapes = unknown.map(([start, end]) => ({
    type: "rect",
    xref: "x",
    yref: "paper",
    x0: local(start),
    x1: local(end),
    y0: 0,
    y1: 1,
    layer: "below",
    fillcolor: colour("--unknown"),
    line: { width: 0 },
  }));
  const range = [x[0], local(buckets.at(-1).end)];
  await lay(element, data, { ...layoutOf({ range, bucket, unit }), barmode: "stack", shapes });
}

/** What a period comes to, day by day, and what it is expected to: see pages/cost.js. */
export async function drawOutlook(element, { times, values, forecast, end, unit, tz }) {
  const local = localTime(tz);
  const [now, last] = [local(times.at(-1)), local(end)];
  const spent = values.at(-1);
  const line = (more) => ({ type: "scatter", mode: "lines", hovertemplate: "%{customdata}", ...more });
  const ahead = (text, more) =>
    line({
      x: [now, last],
      y: [Number(spent), Number(text)],
      customdata: [exact(spent, unit), exact(text, unit)],
      ...more,
    });
  const band =
    forecast.low === null
      ? []
      : [
          ahead(forecast.low, { name: "low", line: { width: 0 } }),
          ahead(forecast.high, { name: "high", line: { width: 0 }, fill: "tonexty", fillcolor: colour("--bar") }),
        ];
  const expected = { name: "expected", line: { color: colour("--chart-1"), width: 2, dash: "dot" } };
  const data = [
    ...band,
    ...(forecast.total === null ? [] : [ahead(forecast.total, expected)]),
    line({
      name: "so far",
      x: times.map(local),
      y: values.map(Number),
      customdata: values.map((value) => exact(value, unit)),
      line: { color: colour("--chart-1"), width: 2 },
    }),
  ];
  await lay(element, data, layoutOf({ range: [local(times[0]), last], bucket: "day", unit }));
}

/** Save what is drawn as a PNG. */
export async function savePicture(element, filename) {
  const library = await load();
  await library.downloadImage(element, { format: "png", width: 1200, height: 500, scale: 2, filename });
}

/** Draw, unless just this is drawn already; the label of a pointer that rests on the chart follows its figures. */
async function lay(element, data, layout) {
  const library = await load();
  const drawing = JSON.stringify([data, layout, element.clientWidth]);
  if (drawings.get(element) === drawing) return;
  await library.react(element, data, layout, SETTINGS);
  drawings.set(element, drawing);
}

function load() {
  loading ??= new Promise((done, failed) => {
    // plotly.js inserts the style sheets of its maps unless these elements exist; the security policy forbids that.
    for (const id of meta.dataset.styleIds.split(" ").filter(Boolean)) {
      document.head.append(Object.assign(document.createElement("meta"), { id }));
    }
    const script = Object.assign(document.createElement("script"), { src: meta.content, async: true });
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      failed(new Error("the chart library did not arrive"));
    };
    document.head.append(script);
  });
  return loading;
}

/** What all charts look like: no legend (tables are), nothing to drag, colours of the page. */
function layoutOf({ range, bucket, unit }) {
  const line = colour("--line");
  const family = getComputedStyle(document.body).fontFamily;
  const font = { family, size: 12, color: colour("--muted") };
  return {
    bargap: 0.18,
    height: HEIGHT,
    margin: { l: 58, r: 8, t: 8, b: 44 },
    font,
    showlegend: false,
    dragmode: false,
    hovermode: "x unified",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: line, font: { ...font, color: colour("--text") } },
    xaxis: {
      type: "date",
      range,
      fixedrange: true,
      showgrid: false,
      linecolor: line,
      tickcolor: line,
      hoverformat: HOVERED[bucket],
      ...daysOf(range, bucket),
    },
    yaxis: {
      fixedrange: true,
      gridcolor: line,
      zeroline: false,
      rangemode: "tozero",
      tickformat: isCurrency(unit) ? ",~f" : "~s",
      ticksuffix: unit === "By" ? "B" : "",
      nticks: 5,
    },
  };
}

/** Days are named in their middle, each where there are few. */
function daysOf([start, end], bucket) {
  if (bucket !== "day") return {};
  const days = (Date.parse(end) - Date.parse(start)) / WIDTHS.day;
  return { ticklabelmode: "period", ...(days <= 10 ? { dtick: WIDTHS.day, tickformat: "%-d\n%b %Y" } : {}) };
}

const localTime = (tz) => (time) => timeIn(tz, time).replace(" ", "T");

/** A colour of style.css as it is now, in light or dark: only an element that has it says which of both that is. */
function colour(name) {
  probe.style.setProperty("color", `var(${name})`);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function shortened(name) {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
