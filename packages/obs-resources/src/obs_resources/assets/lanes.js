// Lanes below a time line: they show the stretch of time that the chart above them shows, edge below edge.
(() => {
  "use strict";
  const WIDTH = 1000;
  for (const lanes of document.querySelectorAll(".obs-lanes.below:not(.following)")) {
    const above = [...document.querySelectorAll(".gantt-root")].filter((chart) => chart.compareDocumentPosition(lanes) & Node.DOCUMENT_POSITION_FOLLOWING);
    const chart = above[above.length - 1];
    if (!chart) continue;
    lanes.classList.add("following");
    chart.after(lanes); // above the table of what the chart shows
    const [start, end] = [Number(lanes.dataset.start), Number(lanes.dataset.end)];
    const drawings = [...lanes.querySelectorAll("svg")];
    const perMillisecond = WIDTH / Math.max(end - start, 1e-6);
    chart.addEventListener("obs:window", ({ detail: { from, to, left, right } }) => {
      lanes.style.setProperty("--l-left", `${left}px`);
      lanes.style.setProperty("--l-right", `${right}px`);
      for (const svg of drawings) {
        const height = svg.viewBox.baseVal.height;
        svg.setAttribute("viewBox", `${(from - start) * perMillisecond} 0 ${(to - from) * perMillisecond} ${height}`);
      }
    });
    chart.dispatchEvent(new CustomEvent("obs:window-asked"));
  }
})();
