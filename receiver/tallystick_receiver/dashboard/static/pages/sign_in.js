// Signing in with a key; the receiver answers with a cookie that no script can read.

import { ask } from "../api.js";
import { fill, h } from "../dom.js";

/** Show the form; `done` gets the session. `why` says what happened before. */
export function signIn(place, done, why = null) {
  const show = (problem, isBusy = false) =>
    fill(
      place,
      h(
        "section",
        { class: "sign-in", "data-key": "sign-in" },
        h("h1", {}, "Sign in"),
        why ? h("p", { class: "why" }, why) : null,
        h("p", {}, "This receiver has keys. Yours decides what you see: one organisation, or all."),
        h(
          "form",
          { onsubmit: submit },
          h(
            "label",
            {},
            h("span", { class: "label" }, "Read or admin key"),
            h("input", {
              type: "password",
              name: "key",
              autocomplete: "current-password",
              placeholder: "tsk_…",
              required: true,
              spellcheck: "false",
              "aria-describedby": problem ? "problem" : null,
              "aria-invalid": problem ? "true" : null,
            }),
          ),
          h("button", { class: "button primary", disabled: isBusy }, isBusy ? "Signing in …" : "Sign in"),
        ),
        h("p", { id: "problem", class: "problem", role: "alert" }, problem ?? ""),
        h(
          "p",
          { class: "hint" },
          "An operator makes one: ",
          h("code", {}, "tallystick keys create --name me --scope read"),
        ),
      ),
    );
  const submit = async (event) => {
    event.preventDefault();
    const key = event.target.elements.key.value.trim();
    show(null, true);
    try {
      done(await ask("/api/v1/session", {}, { method: "POST", body: { key } }));
    } catch (problem) {
      show(
        problem.status === 401
          ? "This key is not known, or was revoked."
          : problem.status === 403
            ? "This key may not read: it needs the scope read or admin."
            : `It did not work: ${problem.message}.`,
      );
      place.querySelector("input")?.focus();
    }
  };
  show(null);
  place.querySelector("input")?.focus();
}
