// Charts by plotly.js, which is loaded when the figures are on the screen already; without it there are tables.

import { exact } from "./format.js";
import { timeIn } from "./period.js";

const meta = document.querySelector("meta[name=tallystick-charts]");
const COLOURS = 8;
const WIDTHS = { hour: 3600000, day: 86400000, month: "M1" };
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
  const library = await load();
  const local = (time) => timeIn(tz, time).replace(" ", "T");
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
    marker: { color: style(isRest ? "--chart-rest" : `--chart-${palette.number(name)}`), line: { width: 0 } },
  }));
  const line = style("--line");
  const font = { family: style("--font"), size: 12, color: style("--muted") };
  const shapes = unknown.map(([start, end]) => ({
    type: "rect",
    xref: "x",
    yref: "paper",
    x0: local(start),
    x1: local(end),
    y0: 0,
    y1: 1,
    layer: "below",
    fillcolor: style("--unknown"),
    line: { width: 0 },
  }));
  const layout = {
    barmode: "stack",
    bargap: 0.18,
    height: 308,
    margin: { l: 58, r: 8, t: 8, b: 44 },
    font,
    shapes,
    showlegend: false,
    dragmode: false,
    hovermode: "x unified",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { bgcolor: style("--raised"), bordercolor: line, font: { ...font, color: style("--text") } },
    xaxis: {
      type: "date",
      range: [x[0], local(buckets.at(-1).end)],
      fixedrange: true,
      showgrid: false,
      linecolor: line,
      tickcolor: line,
      hoverformat: bucket === "hour" ? "%d %b %Y, %H:%M" : bucket === "day" ? "%a %d %b %Y" : "%b %Y",
    },
    yaxis: {
      fixedrange: true,
      gridcolor: line,
      zeroline: false,
      rangemode: "tozero",
      tickformat: "~s",
      ticksuffix: unit === "By" ? "B" : "",
      nticks: 5,
    },
  };
  await library.react(element, data, layout, { displayModeBar: false, responsive: true });
}

/** Save what is drawn as a PNG. */
export async function savePicture(element, filename) {
  const library = await load();
  await library.downloadImage(element, { format: "png", width: 1200, height: 500, scale: 2, filename });
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

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function shortened(name) {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
