// Elements as values, and how a new description is laid over what is shown without touching what stayed the same:
// focus, scroll position and text selection survive a live update.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "rect", "line"]);

/**
 * An element: h("a", {href, class, onclick}, ...children). `keep`, of what has a data-key, leaves it to somebody else as
 * soon as it is shown, its classes, too: without those plotly.js begins anew each time. Names that end in % are styles,
 * which the security policy allows scripts to set, but no attribute.
 */
export function h(name, properties, ...children) {
  const element = DRAWN.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element[key] = value;
    else if (key === "keep") element.dataset.keep = "";
    else if (key.endsWith("%")) element.style.setProperty(key.slice(0, -1), `${value}%`);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Make `shown` look like `wanted`, changing as little as possible. */
export function morph(shown, wanted) {
  if (shown.nodeType !== wanted.nodeType || shown.nodeName !== wanted.nodeName || key(shown) !== key(wanted)) {
    shown.replaceWith(wanted);
    return;
  }
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.data !== wanted.data) shown.data = wanted.data;
    return;
  }
  if ("keep" in wanted.dataset) return;
  attributes(shown, wanted);
  for (const handler of ["onclick", "onchange", "onsubmit", "oninput", "onkeydown", "ontoggle"]) {
    shown[handler] = wanted[handler];
  }
  children(shown, wanted);
  if (shown.nodeName === "SELECT" && shown !== document.activeElement) shown.value = wanted.value;
  if (shown.nodeName === "INPUT" && shown !== document.activeElement) shown.value = wanted.value;
}

/** Lay new children over those of an element. */
export function fill(parent, ...wanted) {
  const holder = parent.cloneNode(false);
  holder.append(...wanted.flat(Infinity).filter(Boolean));
  children(parent, holder);
}

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function attributes(shown, wanted) {
  for (const { name, value } of [...wanted.attributes]) {
    if (name === "style") {
      if (shown.style.cssText !== wanted.style.cssText) shown.style.cssText = wanted.style.cssText;
    } else if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  for (const { name } of [...shown.attributes]) {
    // Without its tabindex a heading that has the focus would lose it.
    const kept = name === "style" || name === "tabindex" || (name === "open" && shown.nodeName === "DETAILS");
    if (!wanted.hasAttribute(name) && !kept) shown.removeAttribute(name);
  }
}

function children(shown, wanted) {
  const fresh = [...wanted.childNodes];
  const known = new Map([...shown.childNodes].filter(key).map((node) => [key(node), node]));
  let place = shown.firstChild;
  for (const node of fresh) {
    const same = key(node) === null ? null : known.get(key(node));
    if (same && same !== place) {
      raise(same, place);
      place = same;
    }
    if (place === null || (key(node) !== null && !same)) {
      shown.insertBefore(node, place);
      continue;
    }
    const next = place.nextSibling;
    morph(place, node);
    place = next;
  }
  while (place !== null) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/** Put a child before an earlier one. What has the focus would lose it by being moved: then the others make room. */
function raise(child, place) {
  const parent = child.parentNode;
  if (child.contains(parent.getRootNode().activeElement)) {
    const [all, behind] = [[...parent.childNodes], child.nextSibling];
    for (const other of all.slice(all.indexOf(place), all.indexOf(child))) parent.insertBefore(other, behind);
  } else parent.insertBefore(child, place);
}
