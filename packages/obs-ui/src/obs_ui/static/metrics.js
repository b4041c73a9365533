// Curves of metrics, and of what was used: drawn by the script of the report, fetched again as they grow and where they are zoomed.

import { json } from "./asking.js";

for (const place of document.querySelectorAll("[data-metrics], [data-resources]")) {
  const section = place.closest("section");
  const shared = document.querySelector("[data-timeline]"); // one axis, one zoom
  const address = place.dataset.metrics ?? place.dataset.resources;
  let panel = null;
  let serial = 0;
  let zoomed = null;
  let asked = 0;

  const ask = async () => {
    const mine = ++serial;
    const [path, given] = address.split("?");
    const wanted = new URLSearchParams(given);
    if (panel) wanted.set("axis", panel.view.axis);
    if (zoomed) {
      wanted.set("from", zoomed.min);
      wanted.set("to", zoomed.max);
    }
    const data = await json(`${path}?${wanted}`);
    if (mine !== serial) return;
    if (!data.curves.length) return;
    section.hidden = false;
    if (panel) return void panel.update(data);
    panel = globalThis.obsCurves(place, data, {
      axis: shared ? "time" : "step",
      start: data.start,
      onZoom: (range, byHand) => {
        zoomed = range;
        if (byHand) askSoon();
        if (byHand && shared && panel.view.axis === "time") {
          document.dispatchEvent(new CustomEvent("obs:zoom", { detail: range && { from: range.min * 1e6, to: range.max * 1e6 } }));
        }
      },
    });
    section.dataset.ready = "yes";
  };
  const askSoon = () => {
    clearTimeout(asked);
    asked = setTimeout(() => ask().catch(() => {}), 120);
  };
  document.addEventListener("obs:changed", askSoon);
  document.addEventListener("obs:looked", ({ detail }) => {
    if (!panel || panel.view.axis !== "time") return;
    panel.zoom(detail && { min: detail.from / 1e6, max: detail.to / 1e6 });
    zoomed = panel.zoomed;
    askSoon();
  });
  ask().catch(() => {});
}
