// Health: is it all here, what was refused, do the books agree, and what the receiver counted.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { grouped } from "../decimal.js";
import { completeness, panel, quantity, table } from "../parts.js";
import { periodOf, timeIn } from "../period.js";
import { filters } from "../filters.js";
import { knownNames, Slow } from "../usage_answers.js";

export const title = "Health";
export const topics = ["usage"];
const LISTED_MAX = 50;
const NAME_SHOWN_MAX = 120;

/** See usage.js. */
export function open(state, context) {
  const slow = new Slow(context.again);
  const replays = new Map();
  return async (signal) => {
    const period = periodOf(state);
    const own = { orgId: state.org, from: period.from, to: period.to, tz: state.tz };
    const [books, refused, health] = await Promise.all([
      ask("/api/v1/completeness", own, { signal }),
      ask("/api/v1/quarantine", { orgId: state.org, order: "newest", limit: LISTED_MAX }, { signal }),
      ask("/healthz", {}, { signal }),
    ]);
    const known = knownNames(state, period, slow, signal);
    return { content: page({ state, context, books, refused, health, known, replays }) };
  };
}

function page(scene) {
  const { state, context, books, known } = scene;
  return [
    h("div", { class: "heading", "data-key": "heading" }, h("h1", {}, "Health")),
    filters(state, { go: context.go, known: { ...known, projects: null }, fixedOrg: context.session.orgId }),
    completeness(books, state, null),
    h(
      "section",
      { "data-key": "books", "aria-labelledby": "books" },
      h("h2", { id: "books" }, "Senders"),
      h(
        "dl",
        { class: "facts" },
        fact("announcing", books.writers.announcing),
        fact("silent", books.writers.silent),
        fact("announcing nothing", books.writers.unannounced),
        new Date(books.to) > new Date() ? fact("behind by", lag(books.until)) : null,
      ),
    ),
    gaps(scene),
    writers("Silent senders", "They have neither ended nor reported.", books.silent, state),
    writers(
      "Senders that announce nothing",
      "What they sent is counted; whether that was all, nobody can say.",
      books.unannounced,
      state,
    ),
    quarantine(scene),
    audit(scene),
    counters(scene),
  ];
}

function gaps({ books, state }) {
  const copied = books.copied.map((gap) => ({ ...gap, isCopied: true }));
  const found = [...books.gaps, ...copied];
  if (!found.length) return null;
  const rows = found
    .slice(0, LISTED_MAX)
    .map((gap) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, gap.type),
        h("td", { class: "number" }, "quantity" in gap ? quantity(gap.quantity, gap.unit) : "–"),
        h("td", { class: "number" }, gap.points ?? "–"),
        h("td", {}, `${timeIn(state.tz, new Date(gap.from))} – ${timeIn(state.tz, new Date(gap.to))}`),
        h("td", {}, writerName(gap.writer)),
        h("td", {}, gap.isCopied ? "may be counted twice" : "missing"),
      ),
    );
  return h(
    "section",
    { "data-key": "gaps", "aria-labelledby": "gaps" },
    h("h2", { id: "gaps" }, "Known gaps"),
    table(
      "Known gaps",
      [
        { name: "Metric" },
        { name: "Quantity", isNumber: true },
        { name: "Points", isNumber: true },
        { name: "Time" },
        { name: "Sender" },
        { name: "" },
      ].map((column) => (column.name ? column : { name: "What" })),
      rows,
    ),
    more(found.length),
  );
}

function writers(heading, why, found, state) {
  if (!found.length) return null;
  const rows = found
    .slice(0, LISTED_MAX)
    .map((silence) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, writerName(silence.writer)),
        h("td", {}, timeIn(state.tz, new Date(silence.from))),
        h("td", {}, timeIn(state.tz, new Date(silence.to))),
      ),
    );
  return h(
    "section",
    { "data-key": heading, "aria-label": heading },
    h("h2", {}, heading),
    h("p", { class: "hint" }, why),
    table(heading, [{ name: "Sender" }, { name: "From" }, { name: "To" }], rows),
    more(found.length),
  );
}

function quarantine({ state, context, refused, replays }) {
  const isAdmin = context.session.scopes.includes("admin");
  const replay = async (id) => {
    replays.set(id, "sending …");
    context.again();
    try {
      const { outcome, detail } = await ask(`/api/v1/quarantine/${id}/replay`, {}, { method: "POST" });
      replays.set(id, detail ? `${outcome}: ${detail}` : outcome);
    } catch (problem) {
      replays.set(id, problem.message);
    }
    context.again();
  };
  const waiting = refused.points.filter(({ replayedAt }) => replayedAt === null);
  const rows = refused.points.map((point) =>
    h(
      "tr",
      { "data-key": point.id },
      h("th", { scope: "row" }, point.reason),
      h("td", { class: "detail" }, refusedName(point.request)),
      h("td", { class: "detail" }, point.detail),
      h("td", {}, point.orgId ?? "–"),
      h("td", { class: "number" }, grouped(String(point.times))),
      h("td", {}, timeIn(state.tz, new Date(point.lastSeen))),
      h(
        "td",
        {},
        point.replayedAt !== null
          ? `replayed ${timeIn(state.tz, new Date(point.replayedAt))}`
          : (replays.get(point.id) ??
              (isAdmin
                ? h(
                    "button",
                    {
                      type: "button",
                      class: "plain",
                      "aria-label": `Replay: ${point.reason}, ${point.detail}`,
                      onclick: () => replay(point.id),
                    },
                    "Replay",
                  )
                : "waits")),
      ),
    ),
  );
  return h(
    "section",
    { "data-key": "quarantine", "aria-labelledby": "quarantine" },
    h("h2", { id: "quarantine" }, "Quarantine"),
    refused.points.length === 0
      ? h("p", { class: "hint" }, "Nothing was refused.")
      : [
          h(
            "p",
            { class: "hint" },
            `Refused points, kept with their reason; ${waiting.length} of ${refused.points.length} shown wait.${isAdmin ? "" : " Sending them again needs an admin key."}`,
          ),
          table(
            "Quarantine",
            [
              { name: "Reason" },
              { name: "Metric" },
              { name: "Detail" },
              { name: "Organisation" },
              { name: "Times", isNumber: true },
              { name: "Last seen" },
              { name: "Replay" },
            ],
            rows,
          ),
        ],
    refused.nextCursor ? h("p", { class: "hint" }, "There are older ones: GET /api/v1/quarantine.") : null,
  );
}

function audit({ health, state }) {
  const { audit: books, storage } = health;
  const differs = books.differences > 0;
  return h(
    "section",
    { "data-key": "audit", "aria-labelledby": "audit" },
    h("h2", { id: "audit" }, "Books"),
    differs
      ? panel(
          "error",
          `${grouped(String(books.differences))} differences`,
          h("p", {}, `On ${books.differingDays.join(", ")}. Run: tallystick verify`),
        )
      : null,
    h(
      "dl",
      { class: "facts" },
      fact("audit", books.state),
      fact("differences", books.differences),
      fact("days verified", books.daysVerified),
      fact("last verified", books.at ? timeIn(state.tz, new Date(books.at)) : "not yet"),
      storage
        ? [
            fact("edition", storage.edition),
            fact("PostgreSQL", storage.postgresql),
            storage.timescaledb ? fact("TimescaleDB", storage.timescaledb) : null,
          ]
        : null,
    ),
  );
}

function counters({ health }) {
  const rows = Object.entries(health.counts).map(([name, value]) =>
    h(
      "tr",
      { "data-key": name },
      h("th", { scope: "row" }, name),
      h("td", { class: "number", "data-counter": name }, grouped(String(value))),
    ),
  );
  return h(
    "section",
    { "data-key": "counters", "aria-labelledby": "counters" },
    h("h2", { id: "counters" }, "This receiver counted"),
    h("p", { class: "hint" }, "Since it started."),
    table("Counters", [{ name: "Counter" }, { name: "Count", isNumber: true }], rows, { kind: "narrow" }),
  );
}

/** How long ago the time is up to which everything that was announced is here. */
function lag(until) {
  if (until === null) return "unknown";
  const seconds = Math.max(0, Math.round((Date.now() - new Date(until)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${grouped(String(Math.round(seconds / 3600)))} h`;
}

/** The metric of a refused point, as it was sent. */
function refusedName(request) {
  const name = request?.resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics?.[0]?.name;
  return name ? name.slice(0, NAME_SHOWN_MAX) : "–";
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", { "data-fact": name }, String(value)));
const writerName = (writer) =>
  writer
    ? [writer.namespace, writer.service, writer.instance].filter(Boolean).join(" / ") || "(unnamed)"
    : "serves others, too";
const more = (count) => (count > LISTED_MAX ? h("p", { class: "hint" }, `${LISTED_MAX} of ${count} shown.`) : null);
