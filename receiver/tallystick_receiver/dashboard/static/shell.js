// What is around every page: the other pages, the time zone, light and dark, who is signed in.

import { fill, h } from "./dom.js";
import { localZone } from "./state.js";

const PAGES = [
  ["usage", "Usage"],
  ["breakdown", "Breakdown"],
  ["cost", "Cost"],
  ["alerts", "Alerts"],
  ["metrics", "Metrics"],
  ["health", "Health"],
];
const THEMES = [
  ["", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Lay it around a page; without a session only the switch of themes is there. */
export function shell(state, session, { link, go, signOut, redraw }) {
  const isIn = session !== null && session.state !== "signedOut";
  fill(
    document.getElementById("pages"),
    isIn
      ? PAGES.map(([page, name]) =>
          h("a", { href: link({ page, day: null }), "aria-current": state.page === page ? "page" : null }, name),
        )
      : null,
  );
  fill(
    document.getElementById("tools"),
    isIn
      ? h(
          "label",
          {},
          h("span", { class: "vh" }, "Time zone"),
          h("select", { name: "tz", onchange: (event) => go({ tz: event.target.value }) }, zones(state.tz)),
        )
      : null,
    h(
      "label",
      {},
      h("span", { class: "vh" }, "Colours"),
      h(
        "select",
        { name: "theme", onchange: (event) => choose(event.target.value, redraw) },
        THEMES.map(([theme, name]) =>
          h("option", { value: theme, selected: (document.documentElement.dataset.theme ?? "") === theme }, name),
        ),
      ),
    ),
    session?.state === "signedIn"
      ? [
          h("span", { class: "who" }, session.orgId ?? "all organisations"),
          h("button", { type: "button", class: "plain", onclick: signOut }, "Sign out"),
        ]
      : null,
    session?.state === "open"
      ? h(
          "span",
          { class: "who", title: "No key is defined: everybody on this machine sees and may change everything" },
          "open",
        )
      : null,
  );
}

function zones(chosen) {
  const first = [...new Set([chosen, localZone, "UTC"])];
  const others = (Intl.supportedValuesOf?.("timeZone") ?? []).filter((zone) => !first.includes(zone));
  return [...first, ...others].map((zone) =>
    h("option", { value: zone, selected: zone === chosen }, zone === localZone ? `${zone} (local)` : zone),
  );
}

function choose(theme, redraw) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  try {
    if (theme) localStorage.setItem("tallystick.theme", theme);
    else localStorage.removeItem("tallystick.theme");
  } catch {
    // Without storage the choice holds for this page.
  }
  redraw();
}
