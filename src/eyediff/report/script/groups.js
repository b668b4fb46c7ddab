// Groups: the mean of each group of pairs, and the mean of these means.
function groups() {
  const found = Object.entries(run.summary.groups || {});
  if (!found.length) return null;
  const line = (name, count, means) => el("tr", {}, el("th", { scope: "row" }, el("bdi", {}, name)), el("td", {}, count), ...means.map((mean) => el("td", {}, figure(number(mean ?? null)))));
  const rows = found.map(([name, group]) => line(name, String(group.count), METRICS.map((metric) => group.metrics[metric]?.mean)));
  const overall = line(`mean of ${amount(found.length, "group")}`, "", METRICS.map((metric) => run.summary.means_of_groups[metric]));
  overall.className = "overall";
  return section("groups", "By group", "mean of each group", el("div", { class: "card wide" }, el("table", { class: "means" },
    el("thead", {}, el("tr", {}, el("th", {}, "group"), el("th", {}, "pairs"), ...METRICS.map((metric) => el("th", {}, metric)))),
    el("tbody", {}, ...rows, overall))));
}
