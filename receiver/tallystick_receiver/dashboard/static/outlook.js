// What this month comes to: its days so far, and what it is expected to cost by its end.

import { drawOutlook, isAvailable, savePicture } from "./charts.js";
import { amount } from "./cost_parts.js";
import { h } from "./dom.js";
import { panel, table } from "./parts.js";
import { instantOf, plus } from "./period.js";

/** The figure; `forecast` is null until it is known. */
export function outlook({ month, days, forecast, currency, state }) {
  const last = plus(month.to, -1);
  return h(
    "figure",
    { class: "chart", "data-key": "outlook" },
    h(
      "figcaption",
      {},
      h("h2", {}, "This month", h("span", { class: "unit" }, ` so far and by ${last}, ${currency}`)),
      isAvailable && days.length
        ? h(
            "button",
            {
              type: "button",
              class: "plain",
              "aria-label": "PNG of this month",
              onclick: () => savePicture(document.getElementById("outlook"), `cost-${month.from.slice(0, 7)}`),
            },
            "PNG",
          )
        : null,
    ),
    h("p", { class: "hint", "data-part": "expected" }, expectation(forecast, currency, last)),
    days.length === 0
      ? panel("empty", "Nothing was spent this month", h("p", {}, "With these filters there is no cost yet."))
      : isAvailable
        ? h("div", { id: "outlook", class: "plot", "data-key": "outlook", keep: true, "aria-hidden": "true" })
        : null,
    h(
      "details",
      { "data-key": "days" },
      h("summary", {}, "These figures as a table"),
      table(
        "This month by day",
        [{ name: "Day" }, { name: "Cost so far", isNumber: true }],
        days.map(({ day, cost }) =>
          h("tr", {}, h("th", { scope: "row" }, day), h("td", { class: "number" }, amount(cost, currency))),
        ),
        { key: "by-day" },
      ),
    ),
    forecast?.note ? h("p", { class: "hint" }, `${forecast.note}. In the time zone ${state.tz}.`) : null,
  );
}

function expectation(forecast, currency, last) {
  if (forecast === null) return "The forecast is on its way.";
  if (forecast.refused) return `No forecast: ${forecast.refused}.`;
  if (forecast.total === null)
    return "No forecast yet: it needs a complete day. It gets a band when there are two weeks of them.";
  return [
    `Expected by ${last}: `,
    amount(forecast.total, currency, { of: "expected" }),
    forecast.low === null
      ? ", with no band: too little is known for one."
      : [
          ", between ",
          amount(forecast.low, currency, { of: "low" }),
          " and ",
          amount(forecast.high, currency, { of: "high" }),
          forecast.errorPercent === null
            ? "."
            : `. Such forecasts were wrong by ${forecast.errorPercent} % on average.`,
        ],
  ];
}

/** Draw it, once its place is on the screen. */
export function drawnOutlook({ month, days, forecast, currency, state, now }) {
  const plot = document.getElementById("outlook");
  if (!plot || !days.length) return null;
  // A day's sum stands at its end; that of today stands where today is now.
  const times = days.map(({ day }) => new Date(Math.min(instantOf(plus(day, 1), state.tz), now)));
  return drawOutlook(plot, {
    times: [instantOf(days[0].day, state.tz), ...times],
    values: ["0", ...days.map(({ cost }) => cost)],
    forecast: forecast ?? { total: null, low: null },
    end: instantOf(month.to, state.tz),
    unit: currency,
    tz: state.tz,
  });
}
