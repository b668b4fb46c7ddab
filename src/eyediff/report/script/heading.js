// Heading: what was compared, with what, and how it ended.
// FAIL and PASS are those of the exit code; a run of which nothing was asked has no PASS.
function verdict() {
  if (run.verdict !== "pass") return el("strong", { class: "verdict bad" }, "FAIL");
  return run.asked && el("strong", { class: "verdict" }, "PASS");
}

function heading() {
  const { count, failed, incomplete, interrupted } = run.summary;
  const crossings = ROWS.reduce((sum, row) => sum + row.limits.length, 0);
  const facts = [
    el("span", { class: "fact" }, `${amount(count - failed, "pair")} compared`),
    incomplete > 0 && el("a", { class: "fact bad", href: "#missing" }, `${incomplete} incomplete`),
    failed > 0 && el("a", { class: "fact bad", href: "#missing" }, `${failed} failed`),
    run.unmatched.length > 0 && el("a", { class: "fact bad", href: "#missing" }, `${amount(run.unmatched.length, "file")} without a partner`),
    crossings > 0 && el("span", { class: "fact bad" }, `${amount(crossings, "score")} beyond a limit`),
    ...(run.summary.mean_crossings || []).map(({ metric, limit }) => el("span", { class: "fact bad" }, `mean ${metric} beyond ${figure(number(limit))}`)),
    ...run.reasons.map((reason) => el("span", { class: "fact bad" }, reason)),
    interrupted && el("span", { class: "fact bad" }, "stopped before the end"),
  ];
  return el("header", { class: "top" },
    el("a", { class: "skip", href: "#pairs" }, "Skip to the pairs"),
    el("div", { class: "titles" },
      el("p", { class: "mark" }, el("span", { class: "eye", "aria-hidden": "true" }), "eyediff"),
      el("h1", {}, el("bdi", {}, run.title)),
      el("p", { class: "facts" }, verdict(), ...facts)),
    el("div", { class: "tools" }, themeButton(), helpButton()));
}

// What scores follow beside their metrics, such as "Protocol: sr-y@1; crop border: 4."
function conventions() {
  const found = Object.entries(run.conventions || {});
  if (!found.length) return "";
  const said = found.map(([name, value]) => `${name.replace("_", " ")}: ${value === true ? "yes" : [value].flat().join(" and ")}`);
  return ` Conventions: ${said.join("; ")}.`;
}

function colophon() {
  const lines = METRICS.map((name) => {
    const { version, weights_sha256: weights, engine } = run.metrics[name];
    return el("li", {}, el("b", {}, name), ` version ${version}${weights ? `, weights ${weights.slice(0, 12)}` : ""}, ${engine}`);
  });
  return el("footer", {}, el("ul", {}, ...lines),
    el("p", {}, `eyediff ${run.eyediff}; pairs that differ in size: ${run.size}; transparency: ${run.alpha}.${conventions()} `,
      "Pictures in this page may be reduced; every score is of the files themselves."));
}

const KEYS = [
  ["↑ ↓  j k", "in the table: the next pair"], ["Enter", "look at it"], ["/", "search"], ["t", "light or dark"],
  ["← →  j k", "in the viewer: the pair before, the next one"],
  ["1 2 3 4", "slide, blink, side by side, difference"], ["Space", "flip between the two"], [", .", "move the slider"],
  ["m", "the map, on or off"], ["r", "boxes around changed regions, on or off"], ["z", "zoom"], ["Esc", "close"],
];

function helpButton() {
  const list = el("dl", {}, ...KEYS.flatMap(([keys, what]) => [el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)]));
  const dialog = el("dialog", { id: "help", class: "help", "aria-label": "Keys" },
    el("h2", {}, "Keys"), list, el("button", { type: "button", class: "plain", on: { click: () => dialog.close() } }, "Close"));
  document.body.append(dialog);
  return el("button", { type: "button", id: "keys", class: "icon", title: "Keys (?)", "aria-label": "Keys", on: { click: () => dialog.showModal() } }, "?");
}
