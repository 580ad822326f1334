// The looks of a widget. A constructed sheet: pages that forbid inline styles need not allow anything for it.

const DARK = `
  --text: var(--tallystick-text, #e7e9eb);
  --muted: #a2a9b3;
  --line: #2e3339;
  --ground: var(--tallystick-ground, #1a1d21);
  --accent: var(--tallystick-accent, #6cb8ea);
  --good: #4fc79d;
  --warn: #ebb45a;
  --unknown: rgba(162, 169, 179, 0.3);
  color-scheme: dark;`;

/** Pages choose colours and the font by custom properties, and the rest by ::part(). */
export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --text: var(--tallystick-text, #1b1d21);
  --muted: #575e68;
  --line: #dfe1e4;
  --ground: var(--tallystick-ground, #ffffff);
  --accent: var(--tallystick-accent, #00629b);
  --good: #00694c;
  --warn: #8a5300;
  --unknown: rgba(110, 118, 129, 0.25);
  color-scheme: light;
  display: block;
}
:host([hidden]) { display: none; }
@media (prefers-color-scheme: dark) {
  :host(:not([theme="light"])) {${DARK}
  }
}
:host([theme="dark"]) {${DARK}
}
.widget {
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  gap: 8px;
  padding: 14px 16px;
  background: var(--ground);
  color: var(--text);
  border: 1px solid var(--line);
  border-radius: 8px;
  font: 14px/1.45 var(--tallystick-font, system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif);
  font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}
p, dl, dd { margin: 0; }
.heading, .ends, dl > div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; }
.name { font-weight: 600; }
.when, .kind, .ends, .completeness, .notice, summary, th { color: var(--muted); font-size: 12.5px; font-weight: 400; }
.figure { font-size: 26px; font-weight: 600; letter-spacing: -0.01em; line-height: 1.2; }
dl > div { padding: 4px 0; border-top: 1px solid var(--line); }
dl > div:first-child { border-top: 0; }
dd { font-weight: 600; }
.bars { display: block; width: 100%; height: 72px; border-bottom: 1px solid var(--line); }
.bars rect { fill: var(--accent); }
.bars .unknown { fill: var(--unknown); }
.completeness { display: flex; gap: 6px; }
.completeness b { color: var(--text); font-weight: 600; }
.completeness.complete .sign { color: var(--good); }
.completeness.gaps .sign, .completeness.unsure .sign, .trouble { color: var(--warn); }
.sign { font-weight: 700; }
.q.unknown, .q.zero { color: var(--muted); }
.q.unknown { border-bottom: 1px dashed; }
summary { cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.scroll { max-height: 240px; overflow: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 2px 0; border-top: 1px solid var(--line); text-align: left; }
.number { text-align: right; }
.vh {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}
`);
