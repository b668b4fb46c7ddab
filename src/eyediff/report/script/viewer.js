// Viewer: shows one pair in the full window, with a slider, blinking, side by side or as a difference, and with its map.
const viewer = (() => {
  const MODES = [["slide", "Slide"], ["blink", "Blink"], ["side", "Side by side"], ["difference", "Difference"]];
  const ZOOMS = [["fit", "Fit"], ["1", "100 %"], ["2", "200 %"], ["4", "400 %"], ["8", "800 %"], ["width", "Width"]];
  const ICON = 64, MOST = 4, MOST_ICON = 16; // an icon is shown so large that its pixels are seen
  const BLINK = 700; // milliseconds: long enough to look, short enough for the eye to see the change as motion
  const view = { list: ROWS, position: 0, mode: "slide", split: 50, map: false, opacity: 65, scale: "run", zoom: "fit", flipped: false, paused: false, boxes: true };
  let row = null, picture = null, timer = null, loading = 0;
  const heat = new HeatMap();

  const image = (side) => el("img", { class: side, alt: side, draggable: "false" });
  const images = { reference: image("reference"), candidate: image("candidate"), difference: image("difference") };
  const handle = el("div", { class: "divider", role: "slider", tabindex: 0, "aria-label": "Reference to the left, candidate to the right", "aria-valuemin": 0, "aria-valuemax": 100 }, el("span", {}));
  const tags = { left: el("span", { class: "tag left" }), right: el("span", { class: "tag right" }) };
  const boxes = el("div", { class: "boxes", "aria-hidden": "true" });
  const plane = el("div", { class: "plane" }, images.reference, images.candidate, images.difference, heat.canvas, boxes, handle);
  const stage = el("div", { class: "stage", tabindex: -1 }, plane);
  const why = el("p", { class: "why" });
  const frame = el("div", { class: "frame" }, stage, tags.left, tags.right, why);

  const title = el("bdi", {}), counter = el("span", { class: "counter" });
  const step = (by, text, label) => el("button", { type: "button", class: "icon", "aria-label": label, title: label, data: { step: by }, on: { click: () => move(by) } }, text);
  const back = step(-1, "‹", "Previous pair (←)"), forth = step(1, "›", "Next pair (→)");
  const close = el("button", { type: "button", class: "icon", id: "close", "aria-label": "Close (Esc)", title: "Close (Esc)", on: { click: () => dialog.close() } }, "×");
  const modes = choice("How to look", MODES, () => view.mode, (mode) => setMode(mode));
  const zooms = choice("Zoom", ZOOMS, () => view.zoom, (zoom) => setZoom(zoom));
  const mapped = el("input", { type: "checkbox", id: "map", on: { change: () => setMap(mapped.checked) } });
  const opacity = el("input", { type: "range", id: "opacity", min: 0, max: 100, value: view.opacity, "aria-label": "Opacity of the map", on: { input: () => { view.opacity = Number(opacity.value); dressMap(); } } });
  const scale = el("select", { id: "scale", "aria-label": "What the last colour stands for", on: { change: () => { view.scale = scale.value; dressMap(); } } },
    el("option", { value: "run" }, "scale of the run"), el("option", { value: "pair" }, "scale of this pair"));
  const key = run.mapped ? legend() : null;
  const mapControls = el("div", { class: "mapping" },
    el("label", { class: "switch" }, mapped, "Map"), el("label", { class: "range" }, "opacity", opacity), scale, key);
  const boxed = el("input", { type: "checkbox", id: "boxes", checked: true, on: { change: () => setBoxes(boxed.checked) } });
  const boxControl = el("label", { class: "switch", hidden: true }, boxed, "Changed regions");
  const gain = el("input", { type: "range", id: "gain", min: 1, max: 8, step: 0.5, value: 1, "aria-label": "Brightness of the difference", on: { input: () => { images.difference.style.filter = `brightness(${gain.value})`; } } });
  const gains = el("label", { class: "range gains" }, "brighter", gain, el("small", {}, "square root of |a − b| in each channel"));
  const facts = el("div", { class: "panel" });

  const dialog = el("dialog", { id: "viewer", class: "viewer", "aria-label": "A pair" },
    el("div", { class: "bar" }, el("div", { class: "who" }, counter, el("h2", {}, title)), back, forth, close),
    el("div", { class: "middle" }, frame, facts),
    el("div", { class: "controls" }, modes, zooms, gains, boxControl, mapControls));

  function show() {
    row = view.list[view.position];
    picture = pictureOf(row);
    title.textContent = row.name;
    counter.textContent = `${view.position + 1} / ${view.list.length}`;
    back.disabled = view.position === 0;
    forth.disabled = view.position === view.list.length - 1;
    plane.hidden = !picture;
    why.textContent = picture ? "" : noPicture(row);
    facts.replaceChildren(...factsOf(row));
    heat.canvas.hidden = true;
    heat.levels = null;
    const turn = (loading += 1);
    if (picture) {
      for (const side of Object.keys(images)) {
        images[side].src = picture[side];
        if (picture.full) sharpen(images[side], picture.full[side], turn);
      }
      if (picture.map) heat.load(picture.map, picture.peak).then(() => { if (turn === loading) dressMap(); });
    }
    boxes.replaceChildren(...row.regions.map((box) => el("span", { class: box.shift ? "moved" : null, style: placeOf(box) })));
    boxControl.hidden = !row.regions.length;
    mapControls.classList.toggle("absent", !picture?.map);
    mapped.disabled = !picture?.map;
    dressMap();
    arrange();
  }

  // The picture of full size replaces the reduced picture when it is loaded.
  function sharpen(target, source, turn) {
    const full = new Image();
    full.src = source;
    full.decode().then(() => { if (turn === loading) target.src = source; }, () => {});
  }

  // Returns the position and the size of a region, in percent of the picture.
  function placeOf({ x, y, width, height }) {
    const across = (pixels) => `${(100 * pixels) / row.width}%`, down = (pixels) => `${(100 * pixels) / row.height}%`;
    return { left: across(x), top: down(y), width: across(width), height: down(height) };
  }

  function regionText({ metric, x, y, width, height, score, shift, joined }) {
    const what = shift ? `moved by ${shift.join(", ")} pixels` : `${metric} ${figure(number(score))}`;
    return `${joined ? `${joined} more regions within ` : ""}${width} × ${height} at ${x}, ${y}: ${what}`;
  }

  const regionsOf = (found) => el("div", { class: "regions" }, el("p", {}, amount(found.length, "changed region")),
    el("ul", { tabindex: 0, "aria-label": "Changed regions" }, ...found.map((box) => el("li", {}, regionText(box)))));

  function factsOf(each) {
    const scores = each.scores ? METRICS.map((metric) => {
      const place = rank(each, metric), beyond = each.limits.find(([name]) => name === metric);
      return el("div", { class: beyond ? "score beyond" : "score" }, el("dt", {}, metric), el("dd", {}, figure(each.scores.get(metric)),
        el("small", {}, beyond ? `beyond ${figure(beyond[1])}` : place !== undefined && SCORED.length > 1 ? `${ordinal(place)} of ${ranked(metric).length}` : direction(metric))));
    }) : [];
    const size = each.width ? `${each.width} × ${each.height} pixels` : null;
    const [w, h] = picture?.size || [];
    const reduced = picture && !picture.full && !picture.exact
      && (w < picture.pixels[0] ? `shown here from copies of ${w} × ${h}; scores are computed from the files` : "shown here with slight loss; scores are computed from the files");
    return [el("dl", {}, ...scores), ...[size, reduced, (each.scores || picture) && each.error?.[1], ...each.notes].filter(Boolean).map((text) => el("p", {}, text)),
      ...(each.regions.length ? [regionsOf(each.regions)] : []),
      el("p", { class: "path" }, el("span", {}, "reference"), el("bdi", {}, each.reference)), el("p", { class: "path" }, el("span", {}, "candidate"), el("bdi", {}, each.candidate))];
  }

  // Draws the pair again for the current mode, zoom and position of the slider.
  function arrange() {
    dialog.dataset.mode = view.mode;
    dialog.dataset.flipped = String(view.flipped);
    modes.refresh();
    zooms.refresh();
    if (!picture) { tags.left.textContent = tags.right.textContent = ""; return; }
    const across = view.mode === "side" && stage.clientWidth >= stage.clientHeight ? 2 : 1;
    const down = view.mode === "side" && across === 1 ? 2 : 1;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = picture.pixels, most = Math.max(wide, high) <= ICON ? MOST_ICON : MOST;
    const width = Math.min((stage.clientWidth - 2) / (wide * across), most);
    const fit = Math.min(width, (stage.clientHeight - 2) / (high * down));
    const factor = { fit, width }[view.zoom] ?? Number(view.zoom) / ratio;
    plane.dataset.across = String(across);
    plane.style.setProperty("--w", `${wide * factor}px`);
    plane.style.setProperty("--h", `${high * factor}px`);
    plane.style.setProperty("--split", `${view.split}%`);
    plane.classList.toggle("crisp", factor * ratio >= 2 && picture.exact);
    handle.setAttribute("aria-valuenow", String(Math.round(view.split)));
    stage.classList.toggle("pan", view.zoom !== "fit");
    const flip = view.mode === "blink" && !view.flipped;
    tags.left.textContent = { slide: "reference", side: "reference", blink: flip ? "reference" : "candidate", difference: "difference" }[view.mode];
    tags.right.textContent = view.mode === "slide" || view.mode === "side" ? "candidate" : "";
  }

  function dressMap() {
    const top = view.scale === "run" ? run.peak : picture?.peak || 0;
    mapped.checked = view.map;
    dialog.classList.toggle("mapped", Boolean(view.map && picture?.map));
    heat.canvas.style.opacity = String(view.opacity / 100);
    if (view.map && picture?.map) heat.paint(top);
    key?.scale(top);
  }

  function setMode(mode) {
    view.mode = mode;
    view.flipped = false;
    view.paused = matchMedia("(prefers-reduced-motion: reduce)").matches;
    blink();
    arrange();
  }

  function blink() {
    clearInterval(timer);
    if (view.mode === "blink" && !view.paused && dialog.open) timer = setInterval(() => { view.flipped = !view.flipped; arrange(); }, BLINK);
  }

  // Shows the other image at a key press. In another mode, this switches to the mode "blink" first. The blinking stops.
  function flip() {
    if (view.mode !== "blink") { setMode("blink"); view.flipped = false; }
    view.paused = true;
    view.flipped = !view.flipped;
    blink();
    arrange();
  }

  function setBoxes(on) { view.boxes = boxed.checked = on; dialog.classList.toggle("unboxed", !on); }
  function setMap(on) { view.map = on && Boolean(picture?.map || view.map); dressMap(); }
  function setZoom(zoom) { view.zoom = zoom; arrange(); }
  function setSplit(split) { view.split = Math.max(0, Math.min(100, split)); arrange(); }
  function move(by) {
    const next = view.position + by;
    if (next < 0 || next >= view.list.length) return;
    view.position = next;
    show();
  }

  // The slider follows the pointer. If the picture is larger than its frame, the slider must be moved by its handle.
  let sliding = false, panning = null;
  const splitAt = (event) => { const box = images.reference.getBoundingClientRect(); setSplit((100 * (event.clientX - box.left)) / box.width); };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !picture) return;
    const zoomed = view.zoom !== "fit";
    if (view.mode === "slide" && (!zoomed || handle.contains(/** @type {Node} */ (event.target)))) { sliding = true; splitAt(event); }
    else if (zoomed && event.pointerType === "mouse") panning = [event.clientX, event.clientY];
    else return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (sliding) splitAt(event);
    else if (panning) { stage.scrollBy(panning[0] - event.clientX, panning[1] - event.clientY); panning = [event.clientX, event.clientY]; }
    if (key && dialog.classList.contains("mapped")) {
      const box = heat.canvas.getBoundingClientRect();
      key.tell(heat.at((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
    }
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { sliding = false; panning = null; });
  stage.addEventListener("pointerleave", () => key?.tell(null));

  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.matches("select, input[type=range]");
    const acts = { j: () => move(1), k: () => move(-1), m: () => setMap(!view.map), r: () => setBoxes(!view.boxes), ",": () => setSplit(view.split - 2), ".": () => setSplit(view.split + 2),
      z: () => setZoom(ZOOMS[(ZOOMS.findIndex(([name]) => name === view.zoom) + 1) % ZOOMS.length][0]),
      Home: () => move(-view.position), End: () => move(view.list.length - 1 - view.position) };
    MODES.forEach(([mode], i) => { acts[String(i + 1)] = () => setMode(mode); });
    if (!typing) {
      const onHandle = target === handle;
      acts.ArrowLeft = () => (onHandle ? setSplit(view.split - 2) : move(-1));
      acts.ArrowRight = () => (onHandle ? setSplit(view.split + 2) : move(1));
      if (!target.matches("button, input")) acts[" "] = flip;
    }
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  dialog.addEventListener("close", () => { clearInterval(timer); document.documentElement.classList.remove("viewing"); if (row) table.back(row); });
  addEventListener("resize", () => { if (dialog.open) arrange(); });

  return {
    dialog,
    open(each, list = ROWS) {
      view.list = list.includes(each) ? [...list] : ROWS;
      view.position = view.list.indexOf(each);
      if (!dialog.open) dialog.showModal();
      document.documentElement.classList.add("viewing");
      show();
      blink();
      stage.focus();
    },
  };
})();
