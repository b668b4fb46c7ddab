// Charts: functions that the histograms and the scatter plot share, for round ticks and finite ranges.
function ticks(low, high, about) {
  if (!(high > low)) return [low];
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((each) => each >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// Returns the finite scores of a metric, and their range. If all scores are equal, the range is widened.
function extent(metric) {
  const finite = SCORED.map((row) => row.scores.get(metric)).filter(Number.isFinite);
  if (!finite.length) return { finite, low: 0, high: 1 };
  let low = Infinity, high = -Infinity;
  for (const score of finite) { low = Math.min(low, score); high = Math.max(high, score); }
  if (low === high) { const pad = Math.abs(low) * 0.05 || 0.05; return { finite, low: low - pad, high: high + pad }; }
  return { finite, low, high };
}

const direction = (metric) => (HIGHER.get(metric) ? "higher is better" : "lower is better");
const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))).replace("-", "−") : figure(value));
