// Curves of metrics, and of what was used: drawn by the script of the report, fetched again as they grow and where they are zoomed.

import { json } from "./asking.js";

// Where nothing else tells executions apart that are laid over each other, when they began does, in the reader's zone.
const WHEN = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const named = (curves) => {
  for (const curve of curves) if (curve.began) curve.label = `${curve.label}, ${WHEN.format(new Date(curve.began))}`;
};

for (const place of document.querySelectorAll("[data-metrics], [data-resources]")) {
  const section = place.closest("section");
  const shared = document.querySelector("[data-timeline]"); // one axis, one zoom
  const address = place.dataset.metrics ?? place.dataset.resources;
  let panel = null;
  let serial = 0;
  let zoomed = null;
  let asked = 0;
  // The timeline says how long its axis is once it knows, and again as it grows.
  const whole = () => (shared?.dataset.whole ? { min: 0, max: Number(shared.dataset.whole) / 1e6 } : null);

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
    named(data.curves);
    section.hidden = false;
    if (panel) return void panel.update(data);
    panel = globalThis.obsCurves(place, data, {
      axis: shared || place.dataset.resources ? "time" : "step",
      axes: place.dataset.resources ? ["time"] : ["step", "time"], // what was used has times alone
      start: data.start,
      whole: whole(),
      onZoom: (range, byHand) => {
        zoomed = range;
        for (const said of section.querySelectorAll("[data-by]")) said.hidden = said.dataset.by !== panel.view.axis;
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
  document.addEventListener("obs:reached", () => panel?.reach(whole()));
  document.addEventListener("obs:looked", ({ detail }) => {
    if (!panel || panel.view.axis !== "time") return;
    panel.zoom(detail && { min: detail.from / 1e6, max: detail.to / 1e6 });
    zoomed = panel.zoomed;
    askSoon();
  });
  ask().catch(() => {});
}
