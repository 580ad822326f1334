// The page for frames: its address says what is shown, its fragment or its parent's messages bring the token.

import "./element.js";

const ATTRIBUTES = {
  orgId: "org",
  projectId: "project",
  metric: "metric",
  range: "range",
  from: "from",
  to: "to",
  tz: "tz",
  theme: "theme",
};
const MESSAGE = "tallystick-token";
const isFramed = window.parent !== window;
const widget = document.createElement("tallystick-usage");
for (const [name, value] of new URLSearchParams(location.search)) {
  if (name in ATTRIBUTES) widget.setAttribute(ATTRIBUTES[name], value);
}
const theme = widget.getAttribute("theme");
if (theme === "light" || theme === "dark") document.documentElement.style.setProperty("color-scheme", theme);

/** A fragment is sent to nobody: it is in no log and no Referer. It is taken out of the address at once. */
function takeFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  widget.token = token;
}

takeFragment();
addEventListener("hashchange", takeFragment);
widget.addEventListener(MESSAGE, ({ detail }) => {
  // Nothing secret, and whoever may frame this page may hear it.
  if (isFramed) window.parent.postMessage({ type: MESSAGE, reason: detail.reason }, "*");
});
addEventListener("message", ({ source, data }) => {
  if (isFramed && source === window.parent && data?.type === MESSAGE && typeof data.token === "string") {
    widget.token = data.token;
  }
});
document.getElementById("main").append(widget);
