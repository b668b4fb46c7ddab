// Picture: shows maps in colour, and a legend that shows the value of each colour.
const COLOURS = new Uint8ClampedArray(run.colours.match(/../g).map((pair) => parseInt(pair, 16)));

// Converts the gray picture of a map to values from 0 to the largest value of this map, and the values to colours. The last
// colour stands for the value `top`.
class HeatMap {
  constructor() {
    this.canvas = el("canvas", { class: "map", width: 1, height: 1 });
    this.levels = null;
  }

  async load(source, peak) {
    this.levels = null;
    this.peak = peak;
    this.canvas.hidden = true;
    const image = new Image();
    image.src = source;
    await image.decode();
    const [w, h] = [image.naturalWidth, image.naturalHeight];
    this.canvas.width = w;
    this.canvas.height = h;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, w, h);
    this.levels = Uint8Array.from({ length: w * h }, (_, i) => data[4 * i]);
    this.source = source;
  }

  paint(top) {
    if (!this.levels) return;
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    const out = context.createImageData(width, height);
    const share = top > 0 ? this.peak / top : 0;
    this.levels.forEach((level, i) => {
      const colour = 3 * Math.min(255, Math.round(level * share));
      out.data[4 * i] = COLOURS[colour];
      out.data[4 * i + 1] = COLOURS[colour + 1];
      out.data[4 * i + 2] = COLOURS[colour + 2];
      out.data[4 * i + 3] = 255;
    });
    context.putImageData(out, 0, 0);
    this.canvas.hidden = false;
  }

  // Returns the value of the map at a point, or null if there is no value. The coordinates of the point are from 0 to 1.
  at(x, y) {
    if (!this.levels || x < 0 || y < 0 || x >= 1 || y >= 1) return null;
    const { width, height } = this.canvas;
    return (this.levels[Math.floor(y * height) * width + Math.floor(x * width)] / 255) * this.peak;
  }
}

function legend() {
  const bar = el("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const context = bar.getContext("2d");
  const row = context.createImageData(256, 1);
  for (let i = 0; i < 256; i += 1) row.data.set([COLOURS[3 * i], COLOURS[3 * i + 1], COLOURS[3 * i + 2], 255], 4 * i);
  context.putImageData(row, 0, 0);
  const marks = el("div", { class: "marks" });
  const value = el("output", { class: "here" });
  const made = el("div", { class: "legend" }, el("div", { class: "unit" }, run.mapTitle, value), bar, marks);
  const scale = (top) => marks.replaceChildren(...ticks(0, top, 3).map((mark) =>
    el("span", { style: { left: `${top > 0 ? (100 * mark) / top : 0}%` } }, short(mark))));
  const tell = (found) => { value.textContent = found === null ? "" : figure(found, 3); };
  return Object.assign(made, { scale, tell });
}
