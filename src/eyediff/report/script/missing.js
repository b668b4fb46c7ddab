// Missing: pairs that failed, and files that have no partner.
function missing() {
  const failed = ROWS.filter((row) => row.error), incomplete = failed.filter((row) => row.scores).length;
  if (!failed.length && !run.unmatched.length) return null;
  const list = (items) => el("ul", { class: "list" }, ...items);
  const parts = [];
  if (failed.length) {
    parts.push(el("div", { class: "card" }, el("h3", {}, [failed.length > incomplete && `${amount(failed.length - incomplete, "pair")} failed`, incomplete > 0 && `${amount(incomplete, "pair")} incomplete`].filter(Boolean).join(", ")), list(failed.map((row) =>
      el("li", {}, el("b", {}, el("bdi", {}, row.name)), el("span", { class: "kind" }, row.error[0]), el("span", {}, row.error[1]))))));
  }
  if (run.unmatched.length) {
    parts.push(el("div", { class: "card" }, el("h3", {}, `${amount(run.unmatched.length, "file")} without a partner`), list(run.unmatched.map(([side, path]) =>
      el("li", {}, el("b", {}, el("bdi", {}, path)), el("span", { class: "kind" }, `only in ${side}`))))));
  }
  return section("missing", "Not compared", null, el("div", { class: "halves" }, ...parts));
}
