// Core: the data of the run, and functions that all parts of the page share.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const run = read("data");
const METRICS = Object.keys(run.metrics);
const HIGHER = new Map(METRICS.map((name, i) => [name, run.higher[i]]));
const number = (value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);

const ROWS = read("rows").map(([name, reference, candidate, width, height, scores, error, notes, picture, regions, crossed, verdict], index) => ({
  index, name, reference, candidate, width, height, error, notes, picture,
  regions: METRICS.flatMap((metric) => (regions[metric] || []).map((box) => ({ metric, ...box }))),
  scores: scores && new Map(METRICS.flatMap((metric, i) => {
    const score = number(scores[i]);
    return score === null ? [] : [/** @type {[string, number]} */ ([metric, score])];
  })),
  limits: crossed.map(([metric, limit]) => [metric, number(limit)]),
  status: error ? "unreadable" : { fail: "failed", moved: "moved", pass: "passed" }[verdict],
}));
// Files without a partner are rows of the table, too: a candidate without a partner is new, a reference is deleted.
const ALONE = run.unmatched.map(([side, path], i) => ({
  index: ROWS.length + i, name: path, reference: side === "reference" ? path : "", candidate: side === "candidate" ? path : "",
  width: null, height: null, error: ["unmatched", `only in ${side}`], notes: [], picture: null, regions: [], scores: null, limits: [],
  status: side === "candidate" ? "new" : "deleted",
}));
const ALL = [...ROWS, ...ALONE];
const STATUSES = [["failed", "beyond a limit"], ["unreadable", "not compared"], ["new", "new"], ["deleted", "deleted"], ["moved", "moved"], ["passed", "passed"]];
const PLACES = new Map(STATUSES.map(([status], i) => [status, i]));
const LIMITS = new Map(Object.entries(run.limits).map(([metric, limit]) => [metric, number(limit)]));
const SCORED = ROWS.filter((row) => row.scores);
const scoredBy = (...metrics) => SCORED.filter((row) => metrics.every((metric) => row.scores.has(metric)));

let pictures = null;
const WEBP = "data:image/webp;base64,", PNG = "data:image/png;base64,";

// The pictures are the larger part of the page, so they are parsed only when the first one is needed.
const stored = (row) => (pictures ??= read("pictures"))[row.picture];

// Returns the pictures of a row, or null if the row has none.
function pictureOf(row) {
  if (row.picture === null) return null;
  const found = stored(row);
  if (!found || found.trouble) return null;
  const [reference, candidate, difference, map] = found.files;
  const full = (side) => `${run.folder}/${String(row.picture).padStart(6, "0")}-${side}.png`;
  return {
    size: found.size, pixels: found.pixels, exact: found.exact || Boolean(run.folder), peak: found.peak,
    reference: WEBP + reference, candidate: WEBP + candidate, difference: WEBP + difference, map: map && PNG + map,
    full: run.folder && { reference: full("reference"), candidate: full("candidate"), difference: full("difference") },
  };
}

// Returns a text that says why a row has no picture.
function noPicture(row) {
  if (row.error) return `failed (${row.error[0]}): ${row.error[1]}`;
  if (row.picture === null && run.extras.video) return "only the worst frames of a clip have pictures";
  if (row.picture === null) return "its files could not be read again for this page";
  return stored(row)?.trouble || "no picture";
}

/**
 * Returns an HTML element with attributes and children. Text from outside always becomes a text node.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @returns {HTMLElementTagNameMap[K]}
 */
function el(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/**
 * Returns an SVG element with attributes and children.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @returns {SVGElementTagNameMap[K]}
 */
function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/**
 * @template {HTMLElement | SVGElement} E
 * @param {E} made
 * @param {Record<string, any>} attributes
 * @param {any[]} children
 * @returns {E}
 */
function dress(made, { on = {}, data = {}, style = {}, ...attributes }, children) {
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  for (const [name, value] of Object.entries(data)) made.dataset[name] = value;
  for (const [name, value] of Object.entries(style)) made.style.setProperty(name, value);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// Returns a number as text with five significant digits. Only the exact numbers 0 and 1 have no decimals, so that a
// rounded number never looks like one of them.
function figure(value, digits = 5) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0 || value === 1) return String(value);
  return value.toPrecision(digits).replace("-", "−");
}

const amount = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

// Returns how bad a score is. A larger value is worse, for every metric.
const badness = (row, metric) => (HIGHER.get(metric) ? -row.scores.get(metric) : row.scores.get(metric));
const RANKED = new Map(); // for each metric, the rows with the worst one first

function ranked(metric) {
  if (!RANKED.has(metric)) {
    RANKED.set(metric, scoredBy(metric).sort((a, b) => {
      const [x, y] = [badness(b, metric), badness(a, metric)];
      return x === y ? a.index - b.index : x - y;
    }));
  }
  return RANKED.get(metric);
}

const RANKS = new Map(); // for each metric, a map from a row to its rank: the worst is 0, and equal scores have one rank
function rank(row, metric) {
  if (!RANKS.has(metric)) {
    let place = 0;
    RANKS.set(metric, new Map(ranked(metric).map((each, i, order) => {
      if (i && badness(each, metric) !== badness(order[i - 1], metric)) place = i;
      return [each, place];
    })));
  }
  return RANKS.get(metric).get(row);
}

// The filters and the order that are chosen at the moment. The parts of the page listen for changes, and draw again.
const state = {
  metric: METRICS[0], search: "", status: "all", ranges: new Map(),
  sort: { by: "order", descending: false },
};
const listeners = [];
const whenChanged = (listener) => listeners.push(listener);
const changed = () => { for (const listener of listeners) listener(); };

const inRange = (score, { low, high, last }) =>
  score === low || (score > low && (score < high || (last && score === high)));

function passes(row) {
  if (state.status !== "all" && row.status !== state.status) return false;
  for (const [metric, range] of state.ranges) {
    if (!row.scores || !inRange(row.scores.get(metric), range)) return false;
  }
  const name = row.name.toLowerCase();
  return state.search.toLowerCase().split(/\s+/).every((word) => name.includes(word));
}

const section = (id, title, hint, ...children) =>
  el("section", { id, "aria-labelledby": `${id}-title` },
    el("div", { class: "section-head" }, el("h2", { id: `${id}-title` }, title), hint && el("p", { class: "hint" }, hint)),
    ...children);

// Returns a group of buttons, of which one is pressed. `chosen` returns the value of that button.
function choice(label, options, chosen, choose) {
  const buttons = options.map(([value, text]) =>
    el("button", { type: "button", data: { value }, on: { click: () => choose(value) } }, text));
  const group = el("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
  const refresh = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === chosen()));
  };
  refresh();
  return Object.assign(group, { refresh });
}
