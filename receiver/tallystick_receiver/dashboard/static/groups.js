// Who used how much of one metric: rows with share and growth, largest first.

import { compare, sum } from "./decimal.js";
import { h } from "./dom.js";
import { share } from "./format.js";
import { growth, quantity, table } from "./parts.js";

const NAMES = {
  org: "Organisation",
  project: "Project",
  user: "User",
  feature: "Feature",
  model: "Model",
  day: "Day",
  hour: "Hour",
  month: "Month",
  week: "Week",
};
const TIMES = new Set(["hour", "day", "week", "month"]);

/** What a grouping is called. */
export const groupName = (by) => NAMES[by] ?? by;
export const isTime = (by) => TIMES.has(by);

/** Rows of an answer as {name, quantity, before}, of one metric; names are texts, null stays null. */
export function groupsOf(rows, beforeRows, by, isCompared = true) {
  const before = new Map(beforeRows.map((row) => [row[by], row]));
  const found = rows.map((row) => ({
    name: row[by],
    quantity: row.quantity,
    before: before.has(row[by]) ? before.get(row[by]).quantity : isCompared ? "0" : null,
  }));
  const gone = beforeRows.filter((row) => !rows.some((own) => own[by] === row[by]));
  if (!isTime(by))
    found.push(...gone.map((row) => ({ name: row[by], quantity: "0", before: row.quantity, isGone: true })));
  if (isTime(by)) return found;
  return found.sort(
    (a, b) => compare(b.quantity ?? "-1", a.quantity ?? "-1") || String(a.name).localeCompare(String(b.name)),
  );
}

/** The table. `link` gives the address that a row leads to, or null; `colour` the number of its colour in the chart (0: of the rest), or null. */
export function groupTable({ groups, by, unit, total, compareWith, link, colour, rowsMax = 50 }) {
  const shown = groups.slice(0, rowsMax);
  const rest = groups.slice(rowsMax);
  const most = groups.reduce((top, { quantity: own }) => (own !== null && Number(own) > top ? Number(own) : top), 0);
  const withBefore = compareWith !== null && !isTime(by);
  const columns = [
    { name: groupName(by) },
    { name: "Quantity", isNumber: true },
    { name: "Share", isNumber: true },
    ...(withBefore
      ? [
          { name: "Before", isNumber: true },
          { name: "Change", isNumber: true },
        ]
      : []),
  ];
  const row = ({ name, quantity: own, before, isGone }) => {
    const text = name ?? `(no ${groupName(by).toLowerCase()})`;
    const address = name === null ? null : link(name);
    return h(
      "tr",
      { "data-key": `row-${text}`, "data-group": text },
      h(
        "th",
        { scope: "row" },
        colour ? h("span", { class: `swatch c${colour(name)}`, "aria-hidden": "true" }) : null,
        address ? h("a", { href: address }, text) : h("span", {}, text),
      ),
      h("td", { class: "number" }, quantity(own, unit, { of: text })),
      h(
        "td",
        { class: "number share" },
        h(
          "span",
          { class: "bar", "aria-hidden": "true" },
          h("span", { "width%": most && own !== null ? ((100 * Number(own)) / most).toFixed(1) : 0 }),
        ),
        h("span", {}, own === null ? "–" : share(own, total)),
      ),
      withBefore
        ? [
            h("td", { class: "number before" }, quantity(before, unit)),
            h("td", { class: "number" }, isGone && Number(before) === 0 ? null : growth(own, before)),
          ]
        : null,
    );
  };
  const more =
    rest.length === 0
      ? null
      : h(
          "tr",
          { "data-key": "rest" },
          h("th", { scope: "row" }, `${rest.length} more`),
          h("td", { class: "number" }, quantity(sum(rest.map(({ quantity: own }) => own ?? "0")), unit)),
          h("td", { colspan: withBefore ? 3 : 1 }),
        );
  return table(`Usage by ${groupName(by).toLowerCase()}`, columns, [...shown.map(row), more].filter(Boolean), {
    key: "groups",
    kind: "groups",
  });
}
