// Alerts: every threshold with how much of it is used, what happened, and who was told.

import { ask } from "../api.js";
import { Deliveries } from "../deliveries.js";
import { h } from "../dom.js";
import { panel, quantity, table } from "../parts.js";
import { timeIn } from "../period.js";
import { filters } from "../filters.js";
import { ThresholdEditor } from "../threshold_editor.js";
import { Slow } from "../usage_answers.js";

export const title = "Alerts";
export const topics = ["usage", "event"];
const SHOWN_MAX = 50;
const KEYS_MAX = 1000;
const EVENT_PAGES_MAX = 10;
const EVENT_PAGE = 1000;
const TYPES = "threshold.approaching,threshold.exceeded";

/** See usage.js. Allowances are asked four times a minute, since each is a question of its own. */
export function open(state, context) {
  const slow = new Slow(context.again);
  const unitOf = async (key, signal) =>
    (await slow.get(`unit ${key}`, () => ask("/api/v1/metrics", { key }, { signal }))).metrics[0]?.unit ?? "";
  const happened = { events: [], after: null };
  const editor = new ThresholdEditor(state, context);
  const deliveries = new Deliveries(state, context);
  const keys = async (signal) =>
    editor.isAllowed
      ? (await slow.get("keys", () => ask("/api/v1/metrics", { orgId: state.org, limit: KEYS_MAX }, { signal })))
          .metrics
      : [];
  return async (signal) => {
    const found = await ask("/api/v1/thresholds", { orgId: state.org, limit: SHOWN_MAX }, { signal });
    const thresholds = [];
    for (const threshold of found.thresholds) {
      const { orgId, metricKey, subjectType, subjectId } = threshold;
      const allowance = await slow.get(threshold.id + threshold.updatedAt, () =>
        ask("/api/v1/usage/allowance", { orgId, metricKey, subjectType, subjectId, tz: state.tz }, { signal }).catch(
          (problem) => ({ problem }),
        ),
      );
      thresholds.push({ ...threshold, allowance, unit: await unitOf(metricKey, signal) });
    }
    await follow(happened, state, signal);
    const sent = deliveries.section(await deliveries.ask(signal));
    const metrics = [...new Set((await keys(signal)).map(({ key }) => key))];
    const hasMore = Boolean(found.nextCursor);
    const scene = { state, context, thresholds, hasMore, events: happened.events, editor, metrics, sent };
    return { content: page(scene) };
  };
}

/** Events after the last one known, the newest kept. */
async function follow(happened, state, signal) {
  for (let page = 0; page < EVENT_PAGES_MAX; page += 1) {
    const { events, nextAfter } = await ask(
      "/api/v1/events",
      { orgId: state.org, type: TYPES, after: happened.after, limit: EVENT_PAGE },
      { signal },
    );
    happened.events = [...events.reverse(), ...happened.events].slice(0, SHOWN_MAX);
    happened.after = nextAfter;
    if (events.length < EVENT_PAGE) return;
  }
}

function page({ state, context, thresholds, hasMore, events, editor, metrics, sent }) {
  return [
    h("div", { class: "heading", "data-key": "heading" }, h("h1", {}, "Alerts")),
    thresholds.length || state.org
      ? filters(
          { ...state, filters: [] },
          {
            go: context.go,
            known: { orgs: [...new Set(thresholds.map(({ orgId }) => orgId))], projects: null },
            fixedOrg: context.session.orgId,
            hasPeriod: false,
          },
        )
      : null,
    editor.form(metrics),
    thresholds.length
      ? h(
          "ul",
          { class: "thresholds", "data-key": "thresholds", "aria-label": "Thresholds" },
          thresholds.map((threshold) => card(threshold, state, editor)),
        )
      : panel(
          "empty",
          "No thresholds",
          h("p", {}, "A threshold tells when somebody's usage comes near a limit. Draw one with:"),
          h(
            "pre",
            { tabindex: "0", role: "region", "aria-label": "An example" },
            "tallystick thresholds create --help",
          ),
        ),
    hasMore ? h("p", { class: "hint" }, `The first ${SHOWN_MAX} are shown.`) : null,
    h(
      "section",
      { "data-key": "events", "aria-labelledby": "events" },
      h("h2", { id: "events" }, "What happened"),
      events.length
        ? table(
            "Events",
            [{ name: "When" }, { name: "Event" }, { name: "Organisation" }, { name: "Metric" }, { name: "What" }],
            events.map((event) => row(event, state)),
          )
        : h("p", { class: "hint" }, "No threshold was approached or exceeded yet."),
    ),
    sent,
  ];
}

function card(whole, state, editor) {
  const { id, orgId, metricKey, subjectType, subjectId, threshold, resetPeriod, levels, action, allowance, unit } =
    whole;
  const used = allowance.problem ? null : (allowance.used ?? null);
  const percent = used === null || Number(threshold) === 0 ? null : (100 * Number(used)) / Number(threshold);
  const kind =
    percent === null
      ? "unsure"
      : percent >= 100
        ? "over"
        : levels.some((level) => level < 100 && percent >= level)
          ? "near"
          : "below";
  const whom = subjectType === "org" ? orgId : `${orgId} · ${subjectType} ${subjectId}`;
  return h(
    "li",
    { class: `threshold ${kind}`, "data-key": id, "data-threshold": id },
    h(
      "div",
      { class: "row" },
      h("b", {}, metricKey),
      h("span", {}, whom),
      h("span", { class: "percent" }, percent === null ? "unknown" : `${percent.toFixed(1)} %`),
    ),
    h(
      "div",
      {
        class: "track",
        role: "img",
        "aria-label": percent === null ? "unknown" : `${percent.toFixed(1)} percent used`,
      },
      h("span", { class: "used", "width%": Math.min(percent ?? 0, 100).toFixed(1) }),
    ),
    h(
      "div",
      { class: "row hint" },
      h("span", {}, quantity(used, unit, { of: id }), " of ", quantity(threshold, unit)),
      h("span", {}, `${resetPeriod ?? "as the metric says"} · levels ${levels.join(", ")} % · ${action}`),
      allowance.resetsAt ? h("span", {}, `resets ${timeIn(state.tz, new Date(allowance.resetsAt))}`) : null,
      editor.buttons(whole),
    ),
  );
}

function row(event, state) {
  const content = event.data;
  const time = event.timestamp;
  return h(
    "tr",
    { "data-key": event.cursor },
    h("th", { scope: "row" }, time ? timeIn(state.tz, new Date(time)) : "–"),
    h("td", {}, event.type),
    h("td", {}, event.orgId ?? "–"),
    h("td", {}, content.metricKey ?? "–"),
    h(
      "td",
      {},
      `${content.level} %: `,
      quantity(content.used, content.unit),
      " of ",
      quantity(content.threshold, content.unit),
    ),
  );
}
