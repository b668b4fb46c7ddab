// Methods: the page of `eyediff table`: the means, and each image of all methods with one zoom for all.
const data = JSON.parse(document.getElementById("data").textContent);
const thumbnails = JSON.parse(document.getElementById("pictures").textContent);
const NAMES = ["ground truth", ...data.methods];

// An element with attributes and children. Text from outside always becomes a text node.
function el(tag, { on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

const written = (value) => (value === null ? "–" : value === "inf" ? "∞" : value === "-inf" ? "−∞" : Number(value).toPrecision(5).replace("-", "−"));
const source = (file) => `data:image/webp;base64,${file}`;

function means({ title, corner, headings, rows }) {
  const cell = ([text, rank, tie]) => el("td", {}, rank === 1 ? el("b", {}, text) : rank === 2 ? el("u", {}, text) : text, tie ? el("sup", {}, "†") : null);
  return el("div", { class: "card" }, el("table", { class: "means" }, el("caption", {}, title),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, corner), headings.map((heading) => el("th", { scope: "col" }, heading)))),
    el("tbody", {}, rows.map(([name, cells]) => el("tr", {}, el("th", { scope: "row" }, el("bdi", {}, name)), cells.map(cell))))));
}

// One view for all panels: the scale, and the point of the image in the middle of each panel, from 0 to 1.
const view = { image: 0, scale: 1, x: 0.5, y: 0.5 };
const title = el("bdi", {}), grid = el("div", { class: "panels" });
const level = el("output", { class: "level" });
const button = (text, label, act) => el("button", { type: "button", class: "icon", "aria-label": label, title: label, on: { click: act } }, text);
const back = button("‹", "Previous image (←)", () => show(view.image - 1));
const forth = button("›", "Next image (→)", () => show(view.image + 1));
const dialog = el("dialog", { id: "viewer", class: "methods", "aria-label": "An image of all methods" },
  el("div", { class: "bar" }, el("h2", {}, title), level, button("−", "Smaller (-)", () => zoom(0.5)), button("+", "Larger (+)", () => zoom(2)),
    button("⤢", "Whole image (0)", reset), back, forth, button("×", "Close (Esc)", () => dialog.close())), grid);
let panels = [];

function show(image) {
  if (image < 0 || image >= data.images.length) return;
  view.image = image;
  const { size, files } = thumbnails[image], { name, scores, frames } = data.images[image];
  title.textContent = name;
  back.disabled = image === 0;
  forth.disabled = image === data.images.length - 1;
  const apart = new Set(frames.filter((frame) => frame !== null)).size > 1;
  panels = NAMES.map((label, i) => {
    const why = apart && !i ? "no picture, because the worst frames of the methods differ" : "no picture";
    const picture = files[i] ? el("img", { src: source(files[i]), alt: label, draggable: "false" }) : el("p", {}, why);
    const frame = el("div", { class: "frame" }, picture);
    const shown = i && frames[i - 1] !== null ? [`frame ${frames[i - 1]}`] : [];
    const lines = i ? [...data.metrics.map((metric, j) => `${metric} ${written(scores[i - 1][j])}`), ...shown].join("  ") : "\u00a0";
    return { frame, picture, size, node: el("figure", { class: "panel" }, frame, el("figcaption", {}, el("b", {}, el("bdi", {}, label)), el("span", {}, lines))) };
  });
  grid.replaceChildren(...panels.map((panel) => panel.node));
  columns();
  place();
}

// Chooses the number of columns that makes the panels largest.
function columns() {
  const [w, h] = thumbnails[view.image].size || [1, 1], count = panels.length;
  const { clientWidth, clientHeight } = grid;
  const height = (n) => Math.min(((clientWidth / n) * h) / w, clientHeight / Math.ceil(count / n) - 44);
  const best = panels.map((_, i) => i + 1).reduce((a, b) => (height(b) > height(a) ? b : a));
  grid.style.setProperty("--columns", String(clientWidth < 480 ? Math.min(best, 2) : best));
}

function place() {
  const half = 0.5 / view.scale;
  view.x = Math.min(1 - half, Math.max(half, view.x));
  view.y = Math.min(1 - half, Math.max(half, view.y));
  for (const { frame, picture, size } of panels) {
    if (!size || picture.tagName !== "IMG") continue;
    const fit = Math.min(frame.clientWidth / size[0], frame.clientHeight / size[1]), scale = fit * view.scale;
    picture.style.width = `${size[0] * scale}px`;
    picture.style.height = `${size[1] * scale}px`;
    picture.style.transform = `translate(${frame.clientWidth / 2 - view.x * size[0] * scale}px, ${frame.clientHeight / 2 - view.y * size[1] * scale}px)`;
    picture.classList.toggle("crisp", scale * devicePixelRatio >= 2 && thumbnails[view.image].exact);
  }
  level.textContent = `${Math.round(100 * view.scale)} %`;
}

function reset() { Object.assign(view, { scale: 1, x: 0.5, y: 0.5 }); place(); }

// The point (x, y) of the image stays where it is.
function zoom(by, x = view.x, y = view.y) {
  const scale = Math.min(32, Math.max(1, view.scale * by)), share = view.scale / scale;
  Object.assign(view, { scale, x: x + (view.x - x) * share, y: y + (view.y - y) * share });
  place();
}

function pointOf(event) {
  const panel = panels.find(({ frame }) => frame.contains(event.target));
  if (panel?.picture.tagName !== "IMG") return null;
  const box = panel.picture.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height, box };
}

grid.addEventListener("wheel", (event) => {
  const at = pointOf(event);
  if (!at) return;
  event.preventDefault();
  zoom(2 ** (-event.deltaY / 240), at.x, at.y);
}, { passive: false });

const pointers = new Map();
grid.addEventListener("pointerdown", (event) => {
  const at = pointOf(event);
  if (!at || event.button !== 0) return;
  event.preventDefault();
  pointers.set(event.pointerId, [event.clientX, event.clientY, at]);
  grid.setPointerCapture(event.pointerId);
});
grid.addEventListener("pointermove", (event) => {
  const held = pointers.get(event.pointerId);
  if (!held) return;
  const before = [...pointers.values()];
  pointers.set(event.pointerId, [event.clientX, event.clientY, held[2]]);
  const after = [...pointers.values()];
  const { box } = held[2];
  if (after.length === 2) {
    const apart = (pair) => Math.hypot(pair[0][0] - pair[1][0], pair[0][1] - pair[1][1]);
    zoom(apart(after) / Math.max(1, apart(before)), held[2].x, held[2].y);
  } else {
    const scale = held[2].scale ?? (held[2].scale = view.scale);
    view.x -= ((event.clientX - held[0]) / box.width) * (scale / view.scale);
    view.y -= ((event.clientY - held[1]) / box.height) * (scale / view.scale);
    place();
  }
});
for (const end of ["pointerup", "pointercancel"]) grid.addEventListener(end, (/** @type {PointerEvent} */ event) => pointers.delete(event.pointerId));
grid.addEventListener("dblclick", reset);

dialog.addEventListener("keydown", (event) => {
  const acts = { ArrowLeft: () => show(view.image - 1), ArrowRight: () => show(view.image + 1), "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), 0: reset };
  const act = acts[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
dialog.addEventListener("close", () => document.documentElement.classList.remove("viewing"));
addEventListener("resize", () => { if (dialog.open) { columns(); place(); } });

function openImage(image) {
  dialog.showModal();
  document.documentElement.classList.add("viewing");
  reset();
  show(image);
}

const shelf = el("div", { class: "shelf" }, data.images.map(({ name }, i) => el("button", { type: "button", class: "image", on: { click: () => openImage(i) } },
  thumbnails[i].files[0] ? el("img", { src: source(thumbnails[i].files[0]), alt: "", loading: "lazy" }) : null, el("bdi", {}, name))));
document.getElementById("page").append(
  el("header", { class: "top" }, el("div", { class: "titles" }, el("p", { class: "mark" }, el("span", { class: "eye" }), "eyediff"), el("h1", {}, el("bdi", {}, data.title)))),
  el("section", { id: "overall" }, data.overall.map(means), data.notes.map((note) => el("p", { class: "note" }, note))),
  el("section", { id: "images" }, el("h2", {}, "Images"), shelf),
  ...(data.groups.length ? [el("section", { id: "groups" }, el("h2", {}, "By group"), data.groups.map(means))] : []),
  el("footer", {}, `eyediff ${data.eyediff}`));
document.body.append(dialog);
