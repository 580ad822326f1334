// Periods are local dates, half open; the API turns them into times of the zone. Nothing here knows what usage is.

const DAY = 86400000;
const QUARTER = 900000;

export const RANGES = [
  ["today", "Today"],
  ["7d", "7 days"],
  ["30d", "30 days"],
  ["month", "This month"],
  ["last-month", "Last month"],
  ["custom", "Custom"],
];

/** The period of a state: {from, to} as dates (to exclusive), and the one before, cut to the same age. */
export function periodOf(state, now = new Date()) {
  const today = dateIn(state.tz, now);
  const { from, to } = bounds(state, today);
  const days = between(from, to);
  const [start, end] = [instantOf(from, state.tz), instantOf(to, state.tz)];
  const isRunning = now < end && now > start;
  const before = beforeOf(state, from, days);
  const age = isRunning ? Math.floor((now - start) / QUARTER) * QUARTER : end - start;
  const [beforeStart, beforeEnd] = [instantOf(before, state.tz), instantOf(from, state.tz)];
  const cut = new Date(isRunning ? Math.min(beforeStart.getTime() + age, beforeEnd.getTime()) : beforeEnd);
  return {
    from,
    to,
    days,
    start,
    end,
    isRunning,
    bucket: days <= 3 ? "hour" : days <= 93 ? "day" : "month",
    before: { from: beforeStart.toISOString(), to: cut.toISOString(), isEmpty: cut <= beforeStart },
    beforeName: nameBefore(state, days, isRunning, cut),
  };
}

/** Every bucket of a period: {key, start, end}, its key as the API writes it. */
export function bucketsOf(period, tz) {
  const found = [];
  if (period.bucket === "hour") {
    for (let time = period.start.getTime(); time < period.end.getTime(); time += 3600000) {
      found.push({ key: String(time), start: new Date(time), end: new Date(time + 3600000) });
    }
    return found;
  }
  let date = period.bucket === "month" ? `${period.from.slice(0, 7)}-01` : period.from;
  while (date < period.to) {
    const next = period.bucket === "month" ? monthAfter(date) : plus(date, 1);
    const key = period.bucket === "month" ? date.slice(0, 7) : date;
    found.push({ key, start: instantOf(date, tz), end: instantOf(next, tz) });
    date = next;
  }
  return found;
}

/** A row's bucket as the key of bucketsOf: hours are moments, since a zone may write them in two ways. */
export function bucketKey(row, unit) {
  return unit === "hour" ? String(Date.parse(row.hour)) : row[unit];
}

/** The local date of a moment. */
export function dateIn(tz, time) {
  return new Intl.DateTimeFormat("en-CA", { timeZone: tz, year: "numeric", month: "2-digit", day: "2-digit" }).format(
    time,
  );
}

/** "2026-11-25 21:45" of a moment. */
export function timeIn(tz, time) {
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: tz, hour: "2-digit", minute: "2-digit" }).format(time);
  return `${dateIn(tz, time)} ${clock}`;
}

/** Local midnight of a date as a moment. */
export function instantOf(date, tz) {
  const wanted = Date.parse(`${date}T00:00:00Z`);
  let found = wanted - offset(tz, wanted);
  found = wanted - offset(tz, found);
  return new Date(found);
}

/** A date some days later. */
export function plus(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

function offset(tz, time) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: tz,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(time);
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  return (
    Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - Math.floor(time / 1000) * 1000
  );
}

function bounds(state, today) {
  const month = `${today.slice(0, 7)}-01`;
  if (state.range === "7d") return { from: plus(today, -6), to: plus(today, 1) };
  if (state.range === "30d") return { from: plus(today, -29), to: plus(today, 1) };
  if (state.range === "month") return { from: month, to: monthAfter(month) };
  if (state.range === "last-month") return { from: monthBefore(month), to: month };
  if (state.range === "custom") return { from: state.from, to: plus(state.to, 1) };
  return { from: today, to: plus(today, 1) };
}

function beforeOf(state, from, days) {
  return state.range === "month" || state.range === "last-month" ? monthBefore(from) : plus(from, -days);
}

function nameBefore(state, days, isRunning, cut) {
  const names = { today: "yesterday", month: "last month", "last-month": "the month before" };
  const name = names[state.range] ?? (days === 1 ? "the day before" : `the ${days} days before`);
  return isRunning ? `${name}, until ${timeIn(state.tz, cut)}` : name;
}

function monthAfter(date) {
  return plus(`${date.slice(0, 7)}-01`, 32).slice(0, 7) + "-01";
}

function monthBefore(date) {
  return plus(`${date.slice(0, 7)}-01`, -1).slice(0, 7) + "-01";
}

function between(from, to) {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY);
}
