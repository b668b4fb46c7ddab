// Extremes: the worst and the best pairs by one metric.
function extremes() {
  if (SCORED.length < 2) return null;
  const most = Math.min(6, Math.floor(SCORED.length / 2));
  const worst = el("div", { class: "strip", id: "worst" }), best = el("div", { class: "strip", id: "best" });
  const tile = (row) => el("button", { type: "button", class: "tile", on: { click: () => viewer.open(row, ranked(state.metric)) } },
    thumb(row, "candidate"), el("span", { class: "value" }, figure(row.scores.get(state.metric))), el("span", { class: "name" }, el("bdi", {}, row.name)));
  const pick = choice("Metric", METRICS.map((name) => [name, name]), () => state.metric, (name) => { state.metric = name; fill(); });
  function fill() {
    const order = ranked(state.metric);
    worst.replaceChildren(...order.slice(0, most).map(tile));
    best.replaceChildren(...order.slice(-most).reverse().map(tile));
    pick.refresh();
  }
  fill();
  return section("extremes", "Worst and best", null, METRICS.length > 1 && pick,
    el("div", { class: "ends" },
      el("div", {}, el("h3", {}, "Worst"), worst), el("div", {}, el("h3", {}, "Best"), best)));
}
