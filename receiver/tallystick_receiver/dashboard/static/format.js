// Figures for people. What is rounded here is always shown beside its exact text.

import { grouped } from "./decimal.js";

const LARGE = ["", "k", "M", "G", "T", "P", "E"];
const SECOND_STEPS = [
  [86400 * 365, "y"],
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];
const EXACT_BELOW = 10000;

/** "5.37 GB" of 5368709120 By, "12.4 M requests", "9,312 queries". */
export function humane(text, unit) {
  if (text === null || text === undefined) return "unknown";
  const number = Number(text);
  if (unit === "By") return scaled(number, "B");
  if (unit === "By.s") return `${scaled(number / 3600, "B")} h`;
  if (unit === "s") return duration(number);
  if (unit === "ms") return duration(number / 1000);
  if (isCurrency(unit)) return `${money(number)} ${unit}`;
  const name = unitName(unit, number);
  return name ? `${count(number)} ${name}` : count(number);
}

/** Every digit, with the unit as it was recorded: what hovering shows and screen readers say. */
export function exact(text, unit) {
  if (text === null || text === undefined) return "unknown";
  return unit && unit !== "1" ? `${grouped(text)} ${unit}` : grouped(text);
}

/** "queries" of "{query}"; nothing of "1". */
export function unitName(unit, number = 2) {
  const found = /^\{(.+)\}$/.exec(unit);
  if (!found) return unit === "1" || !unit ? "" : unit;
  const word = found[1];
  if (number === 1 || word.endsWith("s") || !/^[a-z_]+$/i.test(word)) return word;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

/** A part of a whole: "12.3 %", "<0.1 %". */
export function share(part, whole) {
  const [a, b] = [Number(part), Number(whole)];
  if (!b) return "–";
  const percent = (100 * a) / b;
  return percent > 0 && percent < 0.1 ? "<0.1 %" : `${percent.toFixed(1)} %`;
}

/** How a figure compares with the one before: {text, direction}; nothing where it cannot. */
export function change(now, before) {
  if (now === null || now === undefined || before === null || before === undefined) return null;
  const [a, b] = [Number(now), Number(before)];
  if (b === 0) return a === 0 ? { text: "0 %", direction: "same" } : { text: "new", direction: "up" };
  const percent = (100 * (a - b)) / Math.abs(b);
  const size = Math.abs(percent);
  const text = size >= 1000 ? `×${count(a / b)}` : `${size < 10 ? size.toFixed(1) : Math.round(size)} %`;
  if (size < 0.05) return { text: "0 %", direction: "same" };
  return { text, direction: percent > 0 ? "up" : "down" };
}

function count(number) {
  if (Math.abs(number) < EXACT_BELOW) return trimmed(number, 3);
  return scaled(number, "").trim();
}

function scaled(number, unit) {
  let [value, step] = [number, 0];
  while (Math.abs(value) >= 999.5 && step < LARGE.length - 1) {
    value /= 1000;
    step += 1;
  }
  const places = step === 0 ? 0 : Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0;
  return `${value.toFixed(places)} ${LARGE[step]}${unit}`;
}

/** Whether a unit is an amount of money (ISO 4217): no unit of UCUM is three capital letters. */
export const isCurrency = (unit) => /^[A-Z]{3}$/.test(unit);

/** Cents; of less than one unit two digits that count, since a call may cost a thousandth of a cent. */
function money(number) {
  const size = Math.abs(number);
  if (size >= 1000000) return scaled(number, "").trim();
  if (size >= 1 || size === 0)
    return number.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return number.toLocaleString("en", { minimumSignificantDigits: 2, maximumSignificantDigits: 2 });
}

function duration(seconds) {
  for (const [size, name] of SECOND_STEPS) {
    if (Math.abs(seconds) >= size * 2 || size === 1) return `${trimmed(seconds / size, 1)} ${name}`;
  }
  return "0 s";
}

function trimmed(number, places) {
  return number.toLocaleString("en", { maximumFractionDigits: places });
}
