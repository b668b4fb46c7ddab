// Main: adds the parts of the page in their order. A part that has nothing to show returns nothing.
const parts = [groups, distributions, overtime, extremes, scatter, missing, table.part];
document.getElementById("page").append(heading(), el("main", {}, ...parts.map((part) => part()).filter(Boolean)), colophon());
document.body.append(viewer.dialog);
table.refresh();

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.matches("input, select, textarea")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const acts = {
    "/": () => table.search.focus(), "?": () => document.getElementById("keys").click(), t: () => document.getElementById("theme").click(),
    ArrowDown: () => table.move(1), j: () => table.move(1), ArrowUp: () => table.move(-1), k: () => table.move(-1),
  };
  if (target.matches("button:not(.rows button)") && event.key.startsWith("Arrow")) return;
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
