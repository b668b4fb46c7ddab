// Heading: what was compared, with what, and how it ended.
// FAIL and PASS agree with the exit code. A run without a limit and without a baseline shows no PASS.
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

// Returns the conventions of the scores as text, such as " Conventions: protocol: sr-y@1; crop border: 4."
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
      "Pictures in this page may be reduced; scores are computed from the files."));
}

const KEYS = [
  ["↑ ↓  j k", "in the table: previous or next pair"], ["Enter", "open the pair"], ["/", "search"], ["t", "light or dark"],
  ["← →  j k", "in the viewer: previous or next pair"],
  ["1 2 3 4", "slide, blink, side by side, difference"], ["Space", "switch between the two images"], [", .", "move the slider"],
  ["m", "show or hide the map"], ["r", "show or hide the boxes around changed regions"], ["z", "zoom"], ["Esc", "close"],
];

function helpButton() {
  const list = el("dl", {}, ...KEYS.flatMap(([keys, what]) => [el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)]));
  const dialog = el("dialog", { id: "help", class: "help", "aria-label": "Keys" },
    el("h2", {}, "Keys"), list, el("button", { type: "button", class: "plain", on: { click: () => dialog.close() } }, "Close"));
  document.body.append(dialog);
  return el("button", { type: "button", id: "keys", class: "icon", title: "Keys (?)", "aria-label": "Keys", on: { click: () => dialog.showModal() } }, "?");
}
