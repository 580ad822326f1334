// The parts that pages share: figures, changes, completeness, states. Pure: data in, elements out.

import { h } from "./dom.js";
import { change, exact, humane } from "./format.js";
import { timeIn } from "./period.js";

const ARROWS = { up: "▲", down: "▼", same: "" };
const DIRECTIONS = { up: "up", down: "down", same: "unchanged," };

/** A quantity: rounded to look at, exact on hovering and for screen readers; null is unknown, which is not zero. */
export function quantity(text, unit, { of = null, isApart = false } = {}) {
  if (text === null || text === undefined) {
    return h(
      "span",
      { class: "q unknown", title: "unknown: nothing says how much", "data-of": of },
      h("span", { "aria-hidden": "true" }, "–"),
      h("span", { class: "vh" }, "unknown"),
    );
  }
  const whole = exact(text, unit);
  return h(
    "span",
    { class: Number(text) === 0 ? "q zero" : "q", title: whole, "data-quantity": text, "data-of": of },
    h("span", { "aria-hidden": "true" }, isApart ? apart(humane(text, unit), unit) : humane(text, unit)),
    h("span", { class: "vh" }, whole),
  );
}

/** The number large, what is counted small. */
function apart(text, unit) {
  const cut = unit.startsWith("{") ? text.lastIndexOf(" ") : -1;
  return cut < 0 ? text : [text.slice(0, cut), h("small", {}, text.slice(cut))];
}

/** How a quantity compares with the period before. */
export function growth(now, before) {
  const found = change(now, before);
  if (found === null)
    return h(
      "span",
      { class: "growth none", title: "nothing to compare with" },
      h("span", { "aria-hidden": "true" }, "–"),
      h("span", { class: "vh" }, "nothing to compare with"),
    );
  const { text, direction } = found;
  return h(
    "span",
    { class: `growth ${direction}` },
    h("span", { "aria-hidden": "true" }, ARROWS[direction]),
    h("span", { class: "vh" }, DIRECTIONS[direction]),
    ` ${text}`,
  );
}

/** What is known of completeness, always in sight: {state, until, missing?}. */
export function completeness(found, state, link) {
  const until =
    found.until === null ? null : h("time", { datetime: found.until }, timeIn(state.tz, new Date(found.until)));
  if (found.state === "complete") {
    return strip(
      "complete",
      "✓",
      "Complete",
      ["Everything that was announced is here", until && [", until ", until], "."],
      link,
    );
  }
  if (found.state === "gaps") {
    const missing = (found.missing ?? []).flatMap(({ type, unit, points, quantity: lost }, index) => [
      index ? ", " : "",
      lost !== undefined
        ? h("b", { title: exact(lost, unit) }, humane(lost, unit))
        : points !== undefined
          ? `${points} points`
          : "something",
      ` of ${type}`,
    ]);
    return strip(
      "gaps",
      "!",
      "Known gaps",
      ["Missing: ", missing, until && ["; everything else is here until ", until], "."],
      link,
    );
  }
  return strip(
    "unsure",
    "?",
    "Not known to be complete",
    [
      until
        ? ["Somebody is silent, or announces nothing; known until ", until, "."]
        : "No sender has announced what should be here, or somebody is silent.",
    ],
    link,
  );
}

function strip(kind, sign, heading, text, link) {
  return h(
    "p",
    { class: `completeness ${kind}`, "data-key": "completeness", "data-state": kind },
    h("span", { class: "sign", "aria-hidden": "true" }, sign),
    h("span", {}, h("b", {}, heading), " ", h("span", { class: "why" }, text)),
    link ? h("a", { href: link }, "Details") : null,
  );
}

/** A page, or a part of one, that has nothing to show: what is the matter, and what to do. */
export function panel(kind, heading, ...text) {
  return h("section", { class: `panel ${kind}`, "data-key": `panel-${kind}` }, h("h2", {}, heading), ...text);
}

/** A small line of bars without axis, for orientation only; the exact figures stand elsewhere. */
export function sparkline(values) {
  const numbers = values.map((value) => (value === null ? 0 : Number(value)));
  const most = Math.max(...numbers, 0);
  const width = 100 / Math.max(values.length, 1);
  const bars = numbers.map((number, index) => {
    const height = most ? Math.max((24 * number) / most, number ? 0.6 : 0) : 0;
    return h("rect", {
      x: (index * width + width * 0.1).toFixed(2),
      y: (24 - height).toFixed(2),
      width: (width * 0.8).toFixed(2),
      height: height.toFixed(2),
    });
  });
  return h("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, bars);
}

/** A table that scrolls sideways by itself on narrow screens: columns are {name, isNumber}. */
export function table(label, columns, rows, { key = null, kind = "" } = {}) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label, "data-key": key ?? label },
    h(
      "table",
      { class: kind },
      h("caption", { class: "vh" }, label),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map(({ name, isNumber }) => h("th", { scope: "col", class: isNumber ? "number" : null }, name)),
        ),
      ),
      h("tbody", {}, rows),
    ),
  );
}
