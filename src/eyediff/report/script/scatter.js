// Scatter: plots one metric against another, and lists the pairs on which the two metrics disagree most.
function spearman(x, y) {
  const both = scoredBy(x, y), n = both.length;
  const middle = (metric) => { // ranks from 0; equal scores get the mean of their ranks
    const order = ranked(metric).filter((row) => row.scores.has(x) && row.scores.has(y)), out = new Map();
    for (let i = 0; i < n;) {
      let j = i;
      while (j < n && order[j].scores.get(metric) === order[i].scores.get(metric)) j += 1;
      for (let k = i; k < j; k += 1) out.set(order[k], (i + j - 1) / 2);
      i = j;
    }
    return out;
  };
  const [a, b] = [middle(x), middle(y)];
  let xy = 0, xx = 0, yy = 0;
  for (const row of both) {
    const [u, v] = [a.get(row) - (n - 1) / 2, b.get(row) - (n - 1) / 2];
    xy += u * v; xx += u * u; yy += v * v;
  }
  return xx && yy ? xy / Math.sqrt(xx * yy) : null;
}

function scatter() {
  if (METRICS.length < 2 || SCORED.length < 2) return null;
  const axes = { x: METRICS[1], y: METRICS[0] };
  const W = 640, H = 400, box = { left: 62, right: W - 18, top: 16, bottom: H - 48 };
  const plot = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "plot", role: "img" });
  const tip = el("div", { class: "tip", hidden: true });
  const agreement = el("p", { class: "agreement" });
  const disputed = el("div", { class: "disputed" });
  let points = [], near = null, ring = null;

  const pick = (axis, label) => {
    const select = el("select", { "aria-label": label, id: `axis-${axis}`, on: { change: () => { axes[axis] = select.value; draw(); } } },
      ...METRICS.map((name) => el("option", { value: name, selected: name === axes[axis] }, name)));
    return el("label", {}, label, select);
  };

  const scaleOf = (metric, from, to) => {
    const { low, high } = extent(metric), pad = (high - low) * 0.04;
    const at = (score) => (Number.isFinite(score)
      ? from + ((score - low + pad) / (high - low + 2 * pad)) * (to - from)
      : score > 0 ? to : from);
    return { at, marks: ticks(low - pad, high + pad, 5) };
  };

  function draw() {
    plot.replaceChildren();
    plot.setAttribute("aria-label", `${axes.y} against ${axes.x}`);
    const x = scaleOf(axes.x, box.left, box.right), y = scaleOf(axes.y, box.bottom, box.top);
    for (const mark of x.marks) {
      plot.append(svg("line", { x1: x.at(mark), x2: x.at(mark), y1: box.top, y2: box.bottom, class: "grid" }),
        svg("text", { x: x.at(mark), y: box.bottom + 18, class: "tick", "text-anchor": "middle" }, short(mark)));
    }
    for (const mark of y.marks) {
      plot.append(svg("line", { x1: box.left, x2: box.right, y1: y.at(mark), y2: y.at(mark), class: "grid" }),
        svg("text", { x: box.left - 8, y: y.at(mark) + 4, class: "tick", "text-anchor": "end" }, short(mark)));
    }
    const worse = (metric, forward, backward) => (HIGHER.get(metric) ? `${backward} worse` : `worse ${forward}`);
    plot.append(svg("text", { x: box.right, y: H - 8, class: "axis", "text-anchor": "end" }, `${axes.x}  (${worse(axes.x, "→", "←")})`),
      svg("text", { x: 14, y: box.top, class: "axis", "text-anchor": "end", transform: `rotate(-90 14 ${box.top})` }, `${axes.y}  (${worse(axes.y, "→", "←")})`));
    points = scoredBy(axes.x, axes.y).map((row) => {
      const spot = { row, x: x.at(row.scores.get(axes.x)), y: y.at(row.scores.get(axes.y)) };
      spot.mark = svg("circle", { cx: spot.x, cy: spot.y, r: SCORED.length > 400 ? 2.6 : 4.2, class: "dot" });
      plot.append(spot.mark);
      return spot;
    });
    ring = svg("circle", { r: 8, class: "ring", visibility: "hidden" });
    plot.append(ring);
    const rho = axes.x === axes.y ? null : spearman(axes.x, axes.y);
    agreement.replaceChildren(rho === null ? "" : `Rank correlation (Spearman): ρ = ${rho.toFixed(2)}. With 1, both metrics order the pairs in the same way; with 0, the orders are unrelated.`);
    disputes();
    dim();
  }

  function disputes() {
    const gap = (row) => rank(row, axes.x) - rank(row, axes.y);
    const rows = axes.x === axes.y ? [] : [...SCORED].sort((a, b) => Math.abs(gap(b)) - Math.abs(gap(a)) || a.index - b.index).slice(0, 3);
    disputed.replaceChildren(...rows.filter((row) => gap(row) !== 0).map((row) => {
      const [worse, better] = gap(row) > 0 ? [axes.y, axes.x] : [axes.x, axes.y];
      return el("button", { type: "button", class: "dispute", on: { click: () => viewer.open(row) } }, thumb(row, "candidate"),
        el("span", {}, el("b", {}, el("bdi", {}, row.name)),
          el("small", {}, `${worse}: ${ordinal(rank(row, worse))} of ${SCORED.length}`),
          el("small", {}, `${better}: ${ordinal(rank(row, better))}`)));
    }));
    disputed.hidden = !disputed.children.length;
  }

  function dim() {
    for (const { row, mark } of points) mark.classList.toggle("out", !passes(row));
  }

  function find(event) {
    const place = plot.getBoundingClientRect();
    const [px, py] = [((event.clientX - place.left) * W) / place.width, ((event.clientY - place.top) * H) / place.height];
    let best = null, least = 24 ** 2;
    for (const spot of points) {
      const d = (spot.x - px) ** 2 + (spot.y - py) ** 2;
      if (d < least) { best = spot; least = d; }
    }
    return best;
  }

  plot.addEventListener("pointermove", (event) => {
    const spot = find(event);
    if (spot === near) return;
    near = spot;
    tip.hidden = !spot;
    ring.setAttribute("visibility", spot ? "visible" : "hidden");
    plot.classList.toggle("hot", Boolean(spot));
    if (!spot) return;
    ring.setAttribute("cx", spot.x);
    ring.setAttribute("cy", spot.y);
    tip.replaceChildren(el("div", { class: "two" }, thumb(spot.row, "reference"), thumb(spot.row, "candidate")),
      el("b", {}, el("bdi", {}, spot.row.name)),
      el("small", {}, `${axes.x} ${figure(spot.row.scores.get(axes.x))}`), el("small", {}, `${axes.y} ${figure(spot.row.scores.get(axes.y))}`));
    tip.style.left = `${Math.min(74, (100 * spot.x) / W)}%`;
    tip.style.top = `${(100 * spot.y) / H}%`;
    tip.classList.toggle("above", spot.y > H / 2);
  });
  plot.addEventListener("pointerleave", () => { near = null; tip.hidden = true; ring?.setAttribute("visibility", "hidden"); });
  plot.addEventListener("click", (event) => { const spot = find(event); if (spot) viewer.open(spot.row); });
  whenChanged(dim);
  draw();
  return section("scatter", "Metric against metric", "Each point is a pair. Click a point to open its pair.",
    el("div", { class: "card spread" },
      el("div", { class: "plotted" }, el("div", { class: "picks" }, pick("x", "across"), pick("y", "up")), el("div", { class: "canvas" }, plot, tip)),
      el("div", { class: "aside" }, el("h3", {}, "Where they disagree most"), disputed, agreement)));
}

// Returns the rank of a row as text, such as "the worst" or "2nd worst".
function ordinal(place) {
  const n = place + 1, tens = n % 100;
  if (n === 1) return "the worst";
  const end = tens > 10 && tens < 14 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[n % 10] || "th";
  return `${n}${end} worst`;
}
