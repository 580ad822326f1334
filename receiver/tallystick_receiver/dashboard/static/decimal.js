// Exact decimals: quantities come as texts and are never rounded on the way to the screen.

/** A decimal text as {digits: BigInt, places: number}. */
function parsed(text) {
  const [whole, fraction = ""] = plain(text).split(".");
  return { digits: BigInt(whole + fraction), places: fraction.length };
}

/** Without an exponent: "1e3" is "1000". */
function plain(text) {
  const found = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(text);
  if (!found) return text;
  const [, sign, whole, fraction = "", exponent] = found;
  const point = whole.length + Number(exponent);
  const digits = (whole + fraction).padEnd(point, "0");
  return (
    sign +
    (point > 0 ? digits.slice(0, point) : "0") +
    (point < digits.length
      ? `.${digits.padStart(digits.length - Math.min(point, 0), "0").slice(Math.max(point, 0))}`
      : "")
  );
}

/** The exact sum of decimal texts, as a text. */
export function sum(texts) {
  const numbers = texts.map(parsed);
  const places = Math.max(0, ...numbers.map((number) => number.places));
  let total = 0n;
  for (const { digits, places: own } of numbers) total += digits * 10n ** BigInt(places - own);
  const sign = total < 0n ? "-" : "";
  const shown = (total < 0n ? -total : total).toString().padStart(places + 1, "0");
  if (places === 0) return sign + shown;
  return sign + `${shown.slice(0, -places)}.${shown.slice(-places)}`.replace(/\.?0+$/, "");
}

/** A decimal text with the other sign. */
export const negative = (text) => (text.startsWith("-") ? text.slice(1) : `-${text}`);

/** a - b below, at or above zero: for sorting. */
export function compare(a, b) {
  const [left, right] = [parsed(a), parsed(b)];
  const places = Math.max(left.places, right.places);
  const difference =
    left.digits * 10n ** BigInt(places - left.places) - right.digits * 10n ** BigInt(places - right.places);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Every digit, thousands apart: "5,368,709,120.5". */
export function grouped(text) {
  const [whole, fraction] = plain(text).split(".");
  const apart = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return fraction === undefined ? apart : `${apart}.${fraction}`;
}
