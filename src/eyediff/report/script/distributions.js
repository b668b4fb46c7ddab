// Distributions: a card for each metric: its mean with a confidence interval, and a histogram that filters the table.
const BINS = 24;

function bins(metric) {
  const { finite, low, high } = extent(metric);
  const count = Math.max(6, Math.min(BINS, Math.ceil(Math.sqrt(finite.length) * 2)));
  const step = (high - low) / count;
  const made = Array.from({ length: count }, (_, i) => ({
    low: low + i * step, high: i === count - 1 ? high : low + (i + 1) * step, last: i === count - 1, all: 0, shown: 0 }));
  const infinite = scoredBy(metric).map((row) => row.scores.get(metric)).filter((score) => !Number.isFinite(score));
  for (const end of new Set(infinite)) made.push({ low: end, high: end, last: true, all: 0, shown: 0 });
  const place = (score) => (Number.isFinite(score)
    ? Math.min(count - 1, Math.max(0, Math.floor((score - low) / step)))
    : made.findIndex((bin) => bin.low === score));
  return { made, place, low, high };
}

function distribution(metric) {
  const { made, place, low, high } = bins(metric);
  scoredBy(metric).forEach((row) => { made[place(row.scores.get(metric))].all += 1; });
  const most = Math.max(1, ...made.map((bin) => bin.all));
  const bars = el("div", { class: "bars", role: "toolbar", "aria-label": `Distribution of ${metric}: arrow keys move, Enter shows those pairs` });
  bars.addEventListener("keydown", (event) => { // one tab stop; arrows move between the bars
    const all = [...bars.querySelectorAll("button")], at = all.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || !all[to]) return;
    event.preventDefault();
    all.forEach((button, i) => { button.tabIndex = i === to ? 0 : -1; });
    all[to].focus();
  });
  let from = null;
  const choose = (i, j) => {
    const [a, b] = [Math.min(i, j), Math.max(i, j)];
    state.ranges.set(metric, { low: made[a].low, high: made[b].high, last: made[b].last });
    changed();
  };
  const columns = made.map((bin, i) => {
    const text = Number.isFinite(bin.low) ? `${short(bin.low)} to ${short(bin.high)}` : figure(bin.low);
    const full = el("span", { class: "full", style: { height: `${(100 * bin.all) / most}%` } });
    const part = el("span", { class: "part" });
    const button = el("button", {
      type: "button", tabindex: i ? -1 : 0, title: `${text}: ${amount(bin.all, "pair")}`, "aria-label": `${text}: ${amount(bin.all, "pair")}`,
      class: Number.isFinite(bin.low) ? null : "infinite", data: { end: figure(bin.low) },
      on: {
        pointerdown: (event) => { from = i; if (event.pointerType === "touch") event.target.releasePointerCapture?.(event.pointerId); },
        pointerup: () => { if (from !== null) choose(from, i); from = null; },
        click: (event) => { if (event.detail === 0) choose(i, i); },
      },
    }, full, part);
    bars.append(button);
    return { bin, part, button };
  });
  const limit = LIMITS.get(metric), at = (limit - low) / (high - low);
  if (at >= 0 && at <= 1) { // place the mark over the bars of finite scores; each other bar takes 22 pixels
    const others = made.filter((bin) => !Number.isFinite(bin.low)).length;
    bars.append(el("span", { class: "limit", "aria-hidden": "true", style: { left: `calc(${at} * (100% - ${22 * others}px))` } }));
  }
  const refresh = () => {
    made.forEach((bin) => { bin.shown = 0; });
    scoredBy(metric).filter(passes).forEach((row) => { made[place(row.scores.get(metric))].shown += 1; });
    const range = state.ranges.get(metric);
    columns.forEach(({ bin, part, button }) => {
      part.style.height = `${(100 * bin.shown) / most}%`;
      button.classList.toggle("chosen", Boolean(range) && bin.low >= range.low && bin.high <= range.high);
    });
  };
  whenChanged(refresh);
  refresh();
  const scale = el("div", { class: made.some((bin) => !Number.isFinite(bin.low)) ? "scale open" : "scale" }, el("span", {}, short(low)), limit !== undefined && el("span", { class: "limit-text" }, `limit ${figure(limit)}`), el("span", {}, short(high)));
  return el("div", { class: "chart" }, bars, scale);
}

function metricCard(metric) {
  const found = run.summary.metrics[metric];
  const value = (name) => (found ? figure(number(found[name])) : "–");
  const sure = found?.ci95 ? `95 % interval ${found.ci95.map((end) => figure(number(end))).join(" to ")}` : "no interval for fewer than 5 scores";
  const alike = found?.identical && found.identical < found.count ? `; ${found.identical} identical, left out` : "";
  const facts = [["median", value("median")], ["min", value("min")], ["max", value("max")], ["std", value("std")]];
  return el("article", { class: "card metric", data: { metric } },
    el("h3", {}, metric, el("span", { class: "direction" }, `${HIGHER.get(metric) ? "↑" : "↓"} ${direction(metric)}`)),
    el("p", { class: "mean", title: "mean over all pairs that have scores" }, value("mean"), el("small", {}, "mean")),
    el("p", { class: "sure" }, sure + alike),
    distribution(metric),
    el("dl", { class: "figures" }, ...facts.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)))));
}

const distributions = () => SCORED.length > 0 && section("distributions", "Scores",
  SCORED.length > 1 ? "Click or drag over bars to see only those pairs." : null,
  el("div", { class: "cards" }, ...METRICS.map(metricCard)));
