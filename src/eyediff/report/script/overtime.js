// Over time: plots the scores of a clip over time, with one plot for each metric. The name of a row is its time in seconds.
// Frames that have pictures can be opened.
function overtime() {
  if (!run.extras.video || SCORED.length < 2) return null;
  const W = 960, H = 190, box = { left: 62, right: W - 14, top: 12, bottom: H - 34 };
  const seconds = (row) => Number(row.name);
  const first = seconds(ROWS[0]), last = Math.max(seconds(ROWS[ROWS.length - 1]), first + 1e-6);
  const x = (time) => box.left + ((time - first) / (last - first)) * (box.right - box.left);
  const panel = (metric) => {
    const { low, high } = extent(metric), pad = (high - low) * 0.06;
    const y = (score) => box.bottom - ((score - low + pad) / (high - low + 2 * pad)) * (box.bottom - box.top);
    const plot = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "plot", role: "img", "aria-label": `${metric} over time` });
    const worst = run.summary.metrics[metric]?.worst_second;
    if (worst) {
      const [from, to] = [x(worst.from), Math.min(box.right, x(worst.from + 1))];
      plot.append(svg("rect", { x: from, y: box.top, width: to - from, height: box.bottom - box.top, fill: "#edae49", "fill-opacity": 0.25 },
        svg("title", {}, `worst second: ${figure(number(worst.mean))}`)));
    }
    for (const mark of ticks(low - pad, high + pad, 4)) {
      plot.append(svg("line", { x1: box.left, x2: box.right, y1: y(mark), y2: y(mark), class: "grid" }),
        svg("text", { x: box.left - 8, y: y(mark) + 4, class: "tick", "text-anchor": "end" }, short(mark)));
    }
    for (const mark of ticks(first, last, 8)) {
      plot.append(svg("text", { x: x(mark), y: box.bottom + 18, class: "tick", "text-anchor": "middle" }, `${short(mark)} s`));
    }
    let path = "", pen = "M";
    for (const row of ROWS) {
      const score = row.scores?.get(metric);
      if (score === undefined || !Number.isFinite(score)) { // a gap in the line: the frame failed, or the two frames are equal
        if (row.error) plot.append(svg("line", { x1: x(seconds(row)), x2: x(seconds(row)), y1: box.top, y2: box.bottom, stroke: "#d1495b", "stroke-opacity": 0.6 },
          svg("title", {}, noPicture(row))));
        pen = "M";
        continue;
      }
      path += `${pen}${x(seconds(row)).toFixed(1)} ${y(score).toFixed(1)}`;
      pen = "L";
    }
    plot.append(svg("path", { d: path || "M0 0", fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linejoin": "round" }));
    for (const row of SCORED.filter((each) => each.picture !== null && Number.isFinite(each.scores.get(metric)))) {
      plot.append(svg("circle", { cx: x(seconds(row)), cy: y(row.scores.get(metric)), r: 5, class: "dot", cursor: "pointer", on: { click: () => viewer.open(row) } },
        svg("title", {}, `${row.name} s: ${figure(row.scores.get(metric))}; click to see the frame`)));
    }
    return el("div", {}, el("h3", {}, metric, " ", el("span", { class: "direction" }, direction(metric))), plot);
  };
  return section("overtime", "Over time", "Dots are the worst frames: click one to see it. Shaded: the worst second. Red: frames that failed.",
    ...METRICS.map(panel));
}
