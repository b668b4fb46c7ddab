// Table: lists all pairs, sorted and filtered. Only the rows on the screen exist as elements, so a table of ten thousand
// rows scrolls as fast as a table of ten.
function thumb(row, side) {
  const found = pictureOf(row);
  if (!found) return el("span", { class: "thumb none", title: noPicture(row) }, "–");
  return el("img", { class: "thumb", src: found[side], alt: side, decoding: "async", draggable: "false",
    width: found.size[0], height: found.size[1] });
}

const table = (() => {
  let rows = [], current = 0;
  const made = new Map();
  const body = el("div", { class: "rows", role: "rowgroup" });
  const scroller = el("div", { class: "scroller" }, body);
  const head = el("div", { class: "row head", role: "row" });
  const heads = el("div", { class: "heads" }, head);
  const counted = el("span", { class: "counted", role: "status", "aria-live": "polite" });
  const chips = el("div", { class: "chips" });
  const nothing = el("p", { class: "nothing", hidden: true }, "No pair matches the filters.");
  const search = el("input", { type: "search", id: "search", placeholder: "Search names", "aria-label": "Search names",
    on: { input: () => { state.search = search.value.trim(); changed(); } } });
  const statuses = [["all", "all"], ...STATUSES].filter(([status]) => status === "all" || ALL.some((row) => row.status === status));
  const status = el("select", { id: "status", "aria-label": "Which pairs", on: { change: () => { state.status = status.value; changed(); } } },
    ...statuses.map(([value, text]) => el("option", { value }, text)));
  const orders = [["order", "failing first"], ["compared", "as compared"], ["name", "name"], ...METRICS.flatMap((name) => [[`worst ${name}`, `${name}, worst first`], [`best ${name}`, `${name}, best first`]])];
  const order = el("select", { id: "order", "aria-label": "Order", on: { change: () => { sortBy(...orderOf(order.value)); } } },
    ...orders.map(([value, text]) => el("option", { value }, text)));

  const orderOf = (value) => {
    const [kind, metric] = [value.split(" ")[0], value.slice(value.indexOf(" ") + 1)];
    if (["order", "compared", "name"].includes(kind)) return [kind, false];
    return [metric, HIGHER.get(metric) === (kind === "best")];
  };

  function sortBy(by, descending) {
    state.sort = { by, descending };
    changed();
  }

  // The first click sorts the worst pairs first, the second click the best pairs, and the third click the failing pairs.
  function turn(by) {
    const first = by === "name" ? false : !HIGHER.get(by);
    if (state.sort.by !== by) sortBy(by, first);
    else if (state.sort.descending === first) sortBy(by, !first);
    else sortBy("order", false);
  }

  function sorted() {
    const { by, descending } = state.sort, sign = descending ? -1 : 1;
    const found = ALL.filter(passes);
    if (by === "compared") return found;
    if (by === "order") return found.sort((a, b) => PLACES.get(a.status) - PLACES.get(b.status) || a.index - b.index);
    if (by === "name") return found.sort((a, b) => sign * compareNames(a, b) || a.index - b.index);
    return found.sort((a, b) => { // rows without scores come last in either order
      const [x, y] = [a.scores?.get(by), b.scores?.get(by)];
      if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined) || a.index - b.index;
      return x === y ? a.index - b.index : sign * (x < y ? -1 : 1);
    });
  }

  const collator = new Intl.Collator("en", { numeric: true });
  const compareNames = (a, b) => collator.compare(a.name, b.name);

  const column = (by, text, hint) => el("span", { class: by === "name" ? "cell pair" : "cell score", role: "columnheader", data: { by } },
    el("button", { type: "button", title: hint, on: { click: () => turn(by) } }, el("span", {}, text), el("span", { class: "arrow", "aria-hidden": "true" })));
  head.append(el("span", { class: "cell shots", role: "columnheader", title: "reference and candidate" }, "images"), column("name", "pair"),
    ...METRICS.map((name) => column(name, name, direction(name))));

  function cell(row, metric) {
    const score = row.scores.get(metric);
    const place = rank(row, metric), count = ranked(metric).length;
    const worst = place !== undefined && count > 1 ? 1 - place / (count - 1) : 0;
    const beyond = row.limits.find(([name]) => name === metric);
    return el("span", { class: beyond ? "cell score beyond" : "cell score", role: "cell", data: { metric }, title: beyond ? `beyond the limit ${figure(beyond[1])}` : score === undefined ? row.error?.[1] : null },
      el("span", { class: "label", "aria-hidden": "true" }, metric), el("span", { class: "value" }, figure(score)),
      el("span", { class: "meter", "aria-hidden": "true" }, el("span", { style: { width: `${Math.round(100 * worst)}%` } })));
  }

  function make(position) {
    const row = rows[position];
    const size = row.width ? `${row.width} × ${row.height}` : "";
    const about = row.notes.length ? `${size}; ${row.notes.join("; ")}` : size;
    const cells = row.scores ? METRICS.map((metric) => cell(row, metric))
      : [el("span", { class: "cell failure", role: "cell" }, el("b", {}, row.status === "unreadable" ? `failed (${row.error[0]})` : row.status), el("span", {}, row.error[1]))];
    return el("div", { class: "row", role: "row", "aria-rowindex": position + 2, data: { position, pair: row.name },
      style: { transform: `translateY(calc(${position} * var(--row)))` },
      on: { click: () => { current = position; viewer.open(row, rows); }, focusin: () => { current = position; } } },
      el("span", { class: "cell shots", role: "cell" }, thumb(row, "reference"), thumb(row, "candidate")),
      el("span", { class: "cell pair", role: "cell" },
        el("button", { type: "button", class: "name", title: row.name, tabindex: position === current ? 0 : -1 }, el("bdi", {}, row.name)), el("small", {}, about)), ...cells);
  }

  const whole = ALONE.length ? `${amount(ROWS.length, "pair")} and ${amount(ALONE.length, "file")}` : amount(ROWS.length, "pair");

  const height = () => parseFloat(getComputedStyle(body).getPropertyValue("--row")) || 68;

  function placeRows(all) {
    const step = height(), top = -body.getBoundingClientRect().top;
    const first = all ? 0 : Math.max(0, Math.floor(top / step) - 4);
    const last = all ? rows.length - 1 : Math.min(rows.length - 1, Math.ceil((top + innerHeight) / step) + 4);
    for (const [position, row] of made) {
      if ((position < first || position > last) && !row.contains(document.activeElement)) { row.remove(); made.delete(position); }
    }
    for (let position = first; position <= last; position += 1) {
      if (!made.has(position)) { made.set(position, make(position)); body.append(made.get(position)); }
    }
  }

  const place = () => placeRows(false);

  function refresh() {
    rows = sorted();
    current = Math.max(0, Math.min(current, rows.length - 1));
    for (const row of made.values()) row.remove();
    made.clear();
    body.style.height = `calc(${rows.length} * var(--row))`;
    grid.setAttribute("aria-rowcount", String(rows.length + 1));
    nothing.hidden = rows.length > 0;
    counted.textContent = rows.length === ALL.length ? whole : `${rows.length.toLocaleString("en")} of ${whole}`;
    const { by, descending } = state.sort;
    /** @type {NodeListOf<HTMLElement>} */ (head.querySelectorAll("[data-by]")).forEach((button) => {
      const here = button.dataset.by === by;
      button.setAttribute("aria-sort", here ? (descending ? "descending" : "ascending") : "none");
      button.querySelector(".arrow").textContent = here ? (descending ? "↓" : "↑") : "";
    });
    order.value = orders.map(([value]) => value).find((value) => { const [b, d] = orderOf(value); return b === by && d === descending; }) || "order";
    chips.replaceChildren(...[...state.ranges].map(([metric, { low, high }]) =>
      el("button", { type: "button", class: "chip", title: "Show all again", on: { click: () => { state.ranges.delete(metric); changed(); } } },
        low === high ? `${metric} ${figure(low)}` : `${metric} ${short(low)} to ${short(high)}`, el("span", { "aria-hidden": "true" }, " ×"))));
    place();
  }

  function focus(position) {
    if (!rows.length) return;
    current = Math.max(0, Math.min(rows.length - 1, position));
    const step = height(), top = body.getBoundingClientRect().top + current * step, room = heads.offsetHeight + 8;
    if (top < room) scrollBy(0, top - room);
    else if (top + step > innerHeight) scrollBy(0, top + step - innerHeight + 8);
    place();
    for (const [each, row] of made) row.querySelector("button").tabIndex = each === current ? 0 : -1;
    made.get(current)?.querySelector("button").focus({ preventScroll: true });
  }

  const grid = el("div", { class: "table", role: "table", "aria-label": "Pairs", style: { "--metrics": METRICS.length } }, heads, scroller, nothing);
  scroller.addEventListener("scroll", () => { heads.scrollLeft = scroller.scrollLeft; });
  addEventListener("scroll", place, { passive: true });
  addEventListener("resize", place);
  addEventListener("beforeprint", () => placeRows(true));
  addEventListener("afterprint", place);
  whenChanged(refresh);

  return {
    part: () => section("pairs", "Pairs", "Click a row to open the viewer, or the name of a column to sort. A longer bar means a worse rank.",
      el("div", { class: "filters" }, search, status, el("label", { class: "ordered" }, "order", order), chips, counted), grid),
    refresh, focus, search,
    move: (step) => focus(document.activeElement?.closest?.(".rows .row") ? current + step : current),
    back: (row) => { const position = rows.indexOf(row); if (position >= 0) focus(position); },
  };
})();
