// Theme: the page is light or dark like the system, until the user chooses one of the two.
const dark = matchMedia("(prefers-color-scheme: dark)");

function storedTheme() {
  try { return localStorage.getItem("eyediff-theme"); } catch { return null; }
}

function applyTheme() {
  const stored = storedTheme();
  const theme = stored === "light" || stored === "dark" ? stored : dark.matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
}

function themeButton() {
  const turn = () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("eyediff-theme", next); } catch { /* a browser that stores nothing for files */ }
    document.documentElement.dataset.theme = next;
    changed();
  };
  return el("button", { type: "button", id: "theme", class: "icon", title: "Light or dark (t)", "aria-label": "Light or dark", on: { click: turn } },
    svg("svg", { viewBox: "0 0 20 20", width: 18, height: 18, "aria-hidden": "true" },
      svg("circle", { cx: 10, cy: 10, r: 7.2, fill: "none", stroke: "currentColor", "stroke-width": 1.6 }),
      svg("path", { d: "M10 2.8a7.2 7.2 0 0 1 0 14.4z", fill: "currentColor" })));
}

dark.addEventListener("change", () => { applyTheme(); changed(); });
applyTheme();
