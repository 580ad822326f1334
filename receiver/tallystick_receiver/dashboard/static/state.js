// What a page shows stands in its address, whole: links can be shared and the back button restores.

const RANGE_NAMES = new Set(["today", "7d", "30d", "month", "last-month", "custom"]);
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const PARTS = ["org", "project", "metric", "by", "currency", "day"];

/** The zone of this browser. */
export const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The state that an address stands for. */
export function stateOf(url = new URL(location.href)) {
  const query = url.searchParams;
  const state = {
    page: pageOf(url.pathname),
    range: "today",
    tz: zoneOf(query.get("tz")),
    compare: query.get("compare") !== "off",
    filters: [],
  };
  for (const part of PARTS) state[part] = query.get(part) || null;
  for (const [key, value] of query) if (key.startsWith("attr.")) state.filters.push([key.slice(5), value]);
  if (RANGE_NAMES.has(query.get("range"))) state.range = query.get("range");
  if (state.range === "custom") {
    const [from, to] = [query.get("from"), query.get("to")];
    if (DATE.test(from ?? "") && DATE.test(to ?? "") && from <= to) Object.assign(state, { from, to });
    else state.range = "today";
  }
  return state;
}

/** The address of a state. */
export function addressOf(state) {
  const query = new URLSearchParams();
  query.set("range", state.range);
  if (state.range === "custom") {
    query.set("from", state.from);
    query.set("to", state.to);
  }
  for (const part of PARTS) if (state[part]) query.set(part, state[part]);
  for (const [key, value] of state.filters) query.append(`attr.${key}`, value);
  query.set("tz", state.tz);
  if (!state.compare) query.set("compare", "off");
  return `${state.page === "usage" ? "/" : `/dashboard/${state.page}`}?${query}`;
}

function pageOf(path) {
  return path.startsWith("/dashboard/") ? path.slice("/dashboard/".length) : "usage";
}

function zoneOf(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name ?? localZone });
    return name ?? localZone;
  } catch {
    return "UTC";
  }
}
