// Organisations and their projects as areas: a look at the proportions. The table beside it has the figures.

import { h } from "./dom.js";
import { exact, humane, share } from "./format.js";

const SHOWN_MAX = 60;
const RATIOS = { wide: 4, phone: 0.85 };
const isPhone = matchMedia("(max-width: 700px)");
const COLOURS = 8;

/**
 * The map: `rows` are {org, project, quantity}; `link` gives where a project leads to.
 *
 * It is one stop of the Tab key; arrow keys go from area to area, Enter goes down.
 */
export function treemap({ rows, unit, total, link }) {
  const orgs = nested(rows);
  if (orgs.length === 0 || rows.length < 2) return null;
  const ratio = isPhone.matches ? RATIOS.phone : RATIOS.wide;
  const whole = { x: 0, y: 0, width: 100, height: 100 };
  const areas = squarified(orgs, whole, ratio).flatMap(({ node, box }, index) =>
    squarified(node.children, box, ratio).map((area) => ({ ...area, org: node, index })),
  );
  return h(
    "div",
    {
      class: "treemap",
      role: "group",
      "aria-label": "Organisations and projects by area; arrow keys go from one to the next",
      "data-key": "treemap",
      onkeydown: walk,
    },
    areas.map(({ node, box, org, index }, place) => tile({ node, box, org, index, place, unit, total, link })),
  );
}

function tile({ node, box, org, index, place, unit, total, link }) {
  const name = node.isRest ? node.name : `${org.name ?? "(none)"} / ${node.name ?? "(no project)"}`;
  const text = `${name}: ${humane(node.quantity, unit)}, ${share(node.quantity, total)}`;
  const address = node.isRest ? null : link({ org: org.name, project: node.name });
  const colour = org.isRest || node.isRest ? "c0" : `c${(index % COLOURS) + 1}`;
  const properties = {
    class: `area ${colour}`,
    "data-key": `${org.name} ${node.name}`,
    "data-area": name,
    "data-quantity": node.isRest ? null : node.quantity,
    title: `${name}: ${exact(node.quantity, unit)}`,
    tabindex: place === 0 ? "0" : "-1",
    "left%": box.x.toFixed(3),
    "top%": box.y.toFixed(3),
    "width%": box.width.toFixed(3),
    "height%": box.height.toFixed(3),
  };
  const words = [
    h("span", { class: "vh" }, text),
    h("b", { "aria-hidden": "true" }, node.name ?? "(no project)"),
    h("span", { "aria-hidden": "true" }, org.isRest ? "" : (org.name ?? "(none)")),
    h("span", { "aria-hidden": "true" }, humane(node.quantity, unit)),
  ];
  return address
    ? h("a", { ...properties, href: address }, words)
    : h("span", { ...properties, role: "img", "aria-label": text }, words.slice(1));
}

function walk(event) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const areas = [...event.currentTarget.children];
  const at = areas.indexOf(document.activeElement);
  const to = { Home: 0, End: areas.length - 1 }[event.key] ?? at + (steps[event.key] ?? 0);
  if (to === at || at < 0 || !areas[to]) return;
  event.preventDefault();
  areas[to].focus();
}

/** Organisations with their projects, largest first; the smallest together, so that areas can be seen. */
function nested(rows) {
  const known = rows
    .map((row) => ({ ...row, size: row.quantity === null ? 0 : Number(row.quantity) }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size);
  const shown = known.slice(0, SHOWN_MAX);
  const rest = known.slice(SHOWN_MAX);
  const orgs = new Map();
  for (const { org, project, quantity, size } of shown) {
    if (!orgs.has(org)) orgs.set(org, { name: org, size: 0, children: [] });
    const own = orgs.get(org);
    own.size += size;
    own.children.push({ name: project, quantity, size });
  }
  const found = [...orgs.values()].sort((a, b) => b.size - a.size);
  if (rest.length) {
    const size = rest.reduce((all, one) => all + one.size, 0);
    const children = [{ name: `${rest.length} others`, quantity: String(size), size, isRest: true }];
    found.push({ name: "", size, isRest: true, children });
  }
  return found;
}

/**
 * Areas in a box, as square as can be (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000): [{node, box}]. Boxes are
 * in percent of a map that is `ratio` times as wide as it is high.
 */
function squarified(nodes, box, ratio) {
  const whole = nodes.reduce((all, { size }) => all + size, 0);
  const found = [];
  let left = { ...box };
  let rest = whole;
  let row = [];
  let start = 0;
  while (start < nodes.length) {
    row = [nodes[start]];
    while (start + row.length < nodes.length) {
      const longer = [...row, nodes[start + row.length]];
      if (worst(longer, rest, left, ratio) > worst(row, rest, left, ratio)) break;
      row = longer;
    }
    const size = row.reduce((all, one) => all + one.size, 0);
    const isWide = left.width * ratio >= left.height;
    const depth = ((isWide ? left.width : left.height) * size) / rest;
    let at = isWide ? left.y : left.x;
    for (const node of row) {
      const length = ((isWide ? left.height : left.width) * node.size) / size;
      found.push({
        node,
        box: isWide
          ? { x: left.x, y: at, width: depth, height: length }
          : { x: at, y: left.y, width: length, height: depth },
      });
      at += length;
    }
    left = isWide
      ? { ...left, x: left.x + depth, width: left.width - depth }
      : { ...left, y: left.y + depth, height: left.height - depth };
    rest -= size;
    start += row.length;
  }
  return found;
}

/** The worst proportion of a row of areas. */
function worst(row, rest, { width, height }, ratio) {
  const [wide, high] = [width * ratio, height];
  const size = row.reduce((all, one) => all + one.size, 0);
  const depth = (Math.max(wide, high) * size) / rest;
  return Math.max(
    ...row.map((one) => {
      const length = (Math.min(wide, high) * one.size) / size;
      return Math.max(depth / length, length / depth);
    }),
  );
}
