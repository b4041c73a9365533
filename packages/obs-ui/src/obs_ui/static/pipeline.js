// The page of a pipeline: the grid by keyboard, times in the reader's zone, and curves over runs with what is usual.

import { json } from "./asking.js";
import { inOrder } from "./report/elements.js";
import { formatDuration } from "./report/wording.js";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const WHEN = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
// Ticks of a day are written with the first of these that tells them apart.
const CLOCK = { hour: "2-digit", minute: "2-digit" };
const OF_A_DAY = [CLOCK, { ...CLOCK, second: "2-digit" }, { minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }]
  .map((form) => new Intl.DateTimeFormat(undefined, form));
const axisTexts = (moments, isOneDay) => {
  const written = (form) => moments.map((at) => (at == null ? "" : form.format(new Date(at))));
  if (!isOneDay) {
    const [days, clock] = [written(DAY), written(OF_A_DAY[0])];
    return days.map((day, index) => (day && days.indexOf(day) < index ? clock[index] : day));
  }
  const tells = (texts) => new Set(texts.filter(Boolean)).size === texts.filter(Boolean).length;
  return OF_A_DAY.map(written).find(tells) ?? written(OF_A_DAY.at(-1));
};

// ---- The grid

let focused = null; // row and column
let scrolled = null;
const rowsOf = (grid) => all("tr", grid).filter((row) => !row.hidden).map((row) => [...row.cells].slice(1).map((cell) => cell.querySelector("a")));
const arrange = () => {
  const grid = document.querySelector("[data-runs]");
  if (!grid) return;
  for (const link of all("a[data-at]", grid)) {
    const said = `${WHEN.format(new Date(link.dataset.at))} · ${link.dataset.said}`;
    link.title = said;
    link.setAttribute("aria-label", said);
    link.tabIndex = -1;
  }
  const rows = rowsOf(grid);
  const start = (focused && rows[focused[0]]?.[focused[1]]) ?? rows[0]?.at(-1);
  if (start) start.tabIndex = 0;
  grid.scrollLeft = scrolled ?? grid.scrollWidth; // the newest first
  grid.addEventListener("scroll", () => { scrolled = grid.scrollLeft + grid.clientWidth >= grid.scrollWidth - 2 ? null : grid.scrollLeft; });
};
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
document.addEventListener("keydown", (event) => {
  const link = event.target.closest("[data-runs] a[data-at]");
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = rowsOf(link.closest("[data-runs]"));
  let row = rows.findIndex((each) => each.includes(link));
  let column = rows[row].indexOf(link);
  const [down, right] = STEPS[event.key] ?? [0, 0];
  if (event.key === "Home") column = -1;
  else if (event.key === "End") column = rows[row].length;
  else if (!down && !right) return;
  event.preventDefault();
  const [rowStep, columnStep] = event.key === "Home" ? [0, 1] : event.key === "End" ? [0, -1] : [down, right];
  // What was not called in a run has no cell to go to: the next one in that direction.
  for (row += rowStep, column += columnStep; rows[row] && column >= 0 && column < rows[row].length; row += rowStep, column += columnStep) {
    const next = rows[row][column];
    if (!next) continue;
    link.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    focused = [row, column];
    return;
  }
});
document.addEventListener("obs:drawn", arrange);
arrange();

// ---- Curves

const root = document.documentElement;
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const { number, labels, telling, widened, roomFor } = globalThis.obsNumbers;
const made = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const isOutside = (curve, index) => {
  const value = curve.values[index];
  return value != null && curve.high[index] != null && (value > curve.high[index] || value < curve.low[index]);
};
// The band of what is usual may be far wider than all values: they keep at least a third of the height.
const heights = ([, , , median, known], low, high) => {
  const own = [...known, ...median].filter((value) => value != null);
  const [least, most] = [Math.min(...own), Math.max(...own)];
  if (low === high) return widened(low - 1, high + 1, 0);
  return most > least ? widened(Math.max(low, 2 * least - most), Math.min(high, 2 * most - least), 0.08) : widened(low, high, 0.08);
};
const plots = new Map();
const HEIGHT = { duration: 240, metric: 150 };

const drawn = (place, runs, curve, kind) => {
  const write = kind === "duration" ? formatDuration : telling(curve.values);
  const isLog = kind === "duration" && logged.checked;
  const shown = (values) => values.map((value) => (value == null || (isLog && value <= 0) ? null : value));
  const known = shown(curve.values);
  const ended = (wanted) => known.map((value, index) => (wanted(runs[index], index) ? value : null));
  const failed = ended((run) => run.status === "failed" || run.status === "lost");
  const outside = ended((run, index) => run.status === "succeeded" && isOutside(curve, index));
  const power = globalThis.obsNumbers.powerOf([...curve.values, ...curve.high, ...curve.low]);
  const scaled = (values) => (power === 1 ? values : values.map((value) => value && value / power));
  const data = [runs.map((_, index) => index), ...[...[curve.high, curve.low, curve.median].map(shown), known, outside, failed].map(scaled)];
  const shape = `${curve.name} ${runs.length} ${root.dataset.theme} ${isLog} ${power}`;
  const before = plots.get(place);
  if (before?.shape === shape) return void before.plot.setData(data);
  before?.plot.destroy();
  const [muted, line, accent] = [colour("--obs-muted"), colour("--obs-line"), colour("--obs-accent")];
  const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif" };
  const oneDay = runs.length > 1 && runs.at(-1).at - runs[0].at < 36 * 3600e3;
  const points = (stroke, size) => ({ show: true, size, stroke, fill: stroke, width: 1 });
  const tip = made("p", { class: "run-tip", hidden: "" });
  const told = (index) => {
    const run = runs[index];
    const isLeast = run.status === "lost" && kind === "duration" && of.selectedIndex === 0;
    const took = isLeast ? (curve.values[index] > 0 ? `at least ${write(curve.values[index])}` : "") : write(curve.values[index]);
    const parts = [WHEN.format(new Date(run.at)), took, run.status].filter(Boolean);
    if (run.verdict === "failed" || run.verdict === "warned") parts.push(`checks ${run.verdict}`);
    if (curve.median[index] != null) parts.push(`usual ${write(curve.low[index])} to ${write(curve.high[index])}`);
    return parts.join(" · ");
  };
  const hidden = { points: { show: false }, width: 0, stroke: "transparent" };
  const plot = new globalThis.uPlot({
    width: Math.max(240, place.clientWidth),
    height: HEIGHT[kind],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] },
      y: isLog ? { distr: 3, log: 10 } : { range: (plot_, low, high) => (kind === "duration" ? [0, high > 0 ? high * 1.08 : 1] : heights(plot_.data, low, high)) },
    },
    axes: [
      { ...axis, space: 90, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, ticks) => axisTexts(ticks.map((tick) => runs[tick]?.at), oneDay) },
      { ...axis, size: (plot_, texts) => roomFor(plot_, texts, 76), values: (_, ticks, __, ___, step) => (kind === "duration" ? ticks.map((tick) => (tick == null ? "" : write(tick * power))) : labels(ticks.map((tick) => tick && tick * power), step * power)) },
    ],
    series: [
      {},
      { ...hidden }, { ...hidden },
      { stroke: muted, width: 1, dash: [4, 4], points: { show: false } },
      { stroke: accent, width: 1.5, points: points(accent, 4), spanGaps: false },
      { stroke: "transparent", width: 0, points: points(colour("--obs-warn"), 9) },
      { stroke: "transparent", width: 0, points: points(colour("--obs-bad"), 9) },
    ],
    bands: [{ series: [1, 2], fill: colour("--obs-accent-soft") }],
    hooks: {
      setCursor: [(made_) => {
        const { idx } = made_.cursor;
        tip.hidden = idx == null || curve.values[idx] == null;
        if (!tip.hidden) tip.textContent = told(idx);
        made_.over.style.cursor = tip.hidden ? "" : "pointer";
      }],
    },
  }, data, place);
  place.append(tip);
  plot.over.addEventListener("click", () => {
    const { page } = runs[plot.cursor.idx ?? -1] ?? {};
    if (page) location.href = page;
  });
  plots.set(place, { plot, shape });
};
const figure = (curve, runs) => {
  const count = curve.values.filter((_, index) => runs[index].status === "succeeded" && isOutside(curve, index)).length;
  const aside = count ? `${count} of ${runs.length} runs outside what was usual` : "";
  return made("figure", { role: "group", "aria-label": `${inOrder(curve.name)} over ${runs.length} runs` },
    made("figcaption", {}, made("strong", {}, inOrder(curve.name)), " ", made("span", { class: "aside" }, aside)), made("div", { class: "plot" }));
};
const place = document.querySelector("[data-durations]");
const of = document.querySelector("[data-of]");
const logged = document.querySelector("[data-log]");
let data = null;
// What tasks did is known of the last runs only: their curves begin where the first of them does.
const since = (runs, curves) => {
  const begins = curves.map((curve) => curve.values.findIndex((value) => value != null)).filter((place) => place > 0);
  const from = begins.length === curves.length && begins.length ? Math.min(...begins) : 0;
  const cut = (curve) => Object.fromEntries(Object.entries(curve).map(([name, of_]) => [name, Array.isArray(of_) ? of_.slice(from) : of_]));
  return [runs.slice(from), curves.map(cut)];
};
const drawAll = (within, runs, curves) => {
  const shown = JSON.stringify([runs.length, curves.map((curve) => curve.name)]);
  if (within.dataset.shown !== shown) {
    within.dataset.shown = shown;
    within.replaceChildren(made("div", { class: "grid" }, ...curves.map((curve) => figure(curve, runs))));
  }
  all(".plot", within).forEach((each, index) => drawn(each, runs, curves[index], "metric"));
};
const draw = () => {
  if (!data) return;
  const names = data.durations.map((curve) => curve.name);
  if (all("option", of).map((option) => option.textContent).join("\n") !== names.map(inOrder).join("\n")) {
    const chosen = of.value;
    of.replaceChildren(...names.map((name, index) => made("option", { value: index ? name : "" }, inOrder(name))));
    of.value = chosen;
    if (of.selectedIndex < 0) of.selectedIndex = 0;
  }
  place.closest("section").hidden = data.runs.length < 2;
  for (const each of all("[data-over-runs]")) each.closest("section").hidden = data.runs.length < 2 || !data[each.dataset.overRuns].length;
  if (data.runs.length < 2) return;
  const [runs, [chosen]] = since(data.runs, [data.durations[Math.max(0, of.selectedIndex)]]);
  if (place.dataset.shown !== chosen.name) {
    place.dataset.shown = chosen.name;
    plots.get(place.querySelector(".plot"))?.plot.destroy();
    place.replaceChildren(figure(chosen, runs));
  }
  drawn(place.querySelector(".plot"), runs, chosen, "duration");
  for (const each of all("[data-over-runs]")) {
    const curves = data[each.dataset.overRuns];
    drawAll(each, ...(each.dataset.overRuns === "outputs" ? since(data.runs, curves) : [data.runs, curves]));
  }
  document.body.dataset.drawn = "yes";
};
const ask = async () => {
  data = await json(place.dataset.durations);
  draw();
};
of.addEventListener("change", draw);
logged.addEventListener("change", draw);
document.addEventListener("obs:changed", () => ask().catch(() => {}));
new MutationObserver(draw).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
addEventListener("resize", () => {
  for (const [each, { plot }] of plots) if (each.isConnected) plot.setSize({ width: Math.max(240, each.clientWidth), height: plot.height });
});
ask().catch(() => {});
