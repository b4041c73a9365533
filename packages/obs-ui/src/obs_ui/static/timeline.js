// The timeline: the server sends what a window shows, some bars a pixel at most; between two answers the last one is
// drawn at the new scale, so moving and zooming never waits.

import { json, text } from "./asking.js";
import { inOrder } from "./report/elements.js";
import { colourNumber, formatDuration } from "./report/wording.js";

const place = document.querySelector("[data-timeline]");
const base = place.dataset.timeline;
const canvas = place.querySelector("canvas");
const holder = canvas.parentElement;
const lanes = place.querySelector("[data-lanes]");
const tip = place.querySelector(".tip");
const shownText = document.querySelector("[data-shown]");
const panel = document.querySelector(".span-panel");
const pen = canvas.getContext("2d");
const LANE = 22;
const AXIS = 26;
const TALLEST = 560;
const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

const state = {
  whole: 0, running: false, lost: false, lanes: 1, writers: [], names: [], bars: [], // what the server said
  from: 0, to: 0, top: 0, // what is in view: microseconds, and pixels scrolled down
  hovered: null, chosen: null, follows: true,
};
const width = () => holder.clientWidth;
const height = () => canvas.clientHeight;
const perPixel = () => (state.to - state.from) / Math.max(1, width());
const xOf = (time) => (time - state.from) / perPixel();
const laneTop = (lane) => AXIS + lane * LANE - state.top;

// ---- Colours: by name, calm, the same name always the same one, and none near that of failure

const colours = new Map();
const colourOf = (name) => {
  if (!colours.has(name)) colours.set(name, variable(`--obs-bar-${colourNumber(name)}`));
  return colours.get(name);
};
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- The axis: round numbers, without digits that say nothing

const written = (microseconds) => {
  const value = Math.abs(microseconds);
  if (value < 1) return `${Math.round(microseconds * 1000)} ns`;
  if (value < 1e3) return `${trimmed(microseconds)} µs`;
  if (value < 1e6) return `${trimmed(microseconds / 1e3)} ms`;
  if (value < 60e6) return `${trimmed(microseconds / 1e6)} s`;
  const seconds = Math.round(microseconds / 1e6);
  if (value < 3600e6) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor(seconds / 60) % 60).padStart(2, "0")} min`;
};
const lasting = (microseconds) => formatDuration(microseconds * 1e3);
const trimmed = (value) => String(Number(value.toPrecision(3)));
const STEPS = [1, 2, 5];
const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((second) => second * 1e6);
const step = () => {
  const least = perPixel() * 90;
  if (least > 1e6) return CLOCK.find((each) => each >= least) ?? Math.ceil(least / 86400e6) * 86400e6;
  const power = 10 ** Math.floor(Math.log10(least));
  return STEPS.concat(10).map((each) => each * power).find((each) => each >= least);
};

// ---- Drawing

const draw = () => {
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [width(), height()];
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, high);
  pen.font = FONT;
  pen.textBaseline = "middle";
  drawGrid(wide, high);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, wide, high - AXIS);
  pen.clip();
  drawWriters(wide);
  for (const bar of state.bars) drawBar(bar, wide, high);
  pen.restore();
  // What stands below has this axis: it is drawn in the same frame.
  document.dispatchEvent(new CustomEvent("obs:axis", { detail: { from: state.from, to: state.to, ticks: ticks().map(xOf) } }));
};
const ticks = () => {
  const each = step();
  const found = [];
  for (let time = Math.ceil(state.from / each) * each; time <= state.to; time += each) found.push(time);
  return found;
};
const drawGrid = (wide, high) => {
  pen.fillStyle = variable("--obs-muted");
  pen.strokeStyle = variable("--obs-line");
  pen.lineWidth = 1;
  for (const time of ticks()) {
    const x = Math.round(xOf(time)) + 0.5;
    pen.beginPath();
    pen.moveTo(x, AXIS - 6);
    pen.lineTo(x, high);
    pen.stroke();
    if (x < wide - 40) pen.fillText(time === 0 ? "0" : written(time), x + 4, AXIS / 2);
  }
};
const drawWriters = (wide) => {
  if (state.writers.length < 2) return;
  pen.strokeStyle = variable("--obs-line");
  for (const [, lane] of state.writers.slice(1)) {
    const y = Math.round(laneTop(lane)) - 0.5;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(wide, y);
    pen.stroke();
    pen.setLineDash([]);
  }
};
// What is narrower is drawn as wide as this, on whole pixels and within the view: between two it would be a shadow, and
// what began at the very end would be beyond it.
const NARROWEST = 2;
const boxOf = ([lane, start, duration]) => {
  const [left, wide] = [xOf(start), duration / perPixel()];
  const box = { left, top: laneTop(lane) + 2, wide, high: LANE - 4 };
  if (wide >= NARROWEST) return box;
  const isAtEnd = left <= width() && left > width() - NARROWEST;
  return { ...box, left: isAtEnd ? width() - NARROWEST : Math.round(left), wide: NARROWEST };
};
const drawBar = (bar, wide, high) => {
  const box = boxOf(bar);
  if (box.left > wide || box.left + box.wide < 0 || box.top > high || box.top + LANE < AXIS) return;
  const [, , , name, count, flags, row] = bar;
  const left = Math.max(-4, box.left);
  const right = Math.min(wide + 4, box.left + box.wide);
  pen.globalAlpha = count > 1 ? 0.75 : 1;
  const ofObs = (flags & 8) !== 0;
  pen.fillStyle = flags & 2 ? variable("--obs-bad") : flags & 16 ? variable("--obs-warn") : ofObs ? variable("--obs-line") : colourOf(state.names[name]);
  pen.beginPath();
  pen.roundRect(left, box.top, Math.max(1, right - left - (box.wide > 4 ? 1 : 0)), box.high, box.wide > 8 ? 4 : 0);
  pen.fill();
  pen.globalAlpha = 1;
  if (flags & 1) drawOpenEnd(right, box);
  if (row === state.chosen || bar === state.hovered) outline(left, right, box, row === state.chosen);
  if (box.wide > 34) label(state.names[name], left, right, box, flags);
};
const drawOpenEnd = (right, box) => {
  pen.fillStyle = variable("--obs-accent");
  pen.fillRect(right - 3, box.top, 3, box.high);
};
const outline = (left, right, box, chosen) => {
  pen.strokeStyle = variable(chosen ? "--obs-accent" : "--obs-muted");
  pen.lineWidth = chosen ? 2 : 1;
  pen.strokeRect(left + 0.5, box.top + 0.5, Math.max(1, right - left - 1), box.high - 1);
  pen.lineWidth = 1;
};
const label = (name, left, right, box, flags) => {
  const from = Math.max(0, left) + 6;
  const room = Math.min(width(), right) - from - 5;
  if (room < 20) return;
  pen.fillStyle = variable(flags & 18 ? "--obs-bg" : flags & 8 ? "--obs-muted" : "--obs-fg");
  let text = name.slice(0, 120);
  if (pen.measureText(text).width > room) {
    const fits = Math.floor(text.length * room / pen.measureText(text).width) - 1;
    if (fits < 2) return;
    text = `${text.slice(0, fits)}…`;
  }
  pen.fillText(text, from, box.top + box.high / 2 + 0.5);
};
let scheduled = false;
const drawSoon = () => {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
};

// ---- Asking

let serial = 0;
let asked = null;
const ask = async () => {
  const mine = ++serial;
  const lanes = Math.ceil(TALLEST / LANE) + 4;
  const lane = Math.max(0, Math.floor(state.top / LANE) - 2);
  // A third on both sides, so that moving finds something there.
  const margin = state.whole ? (state.to - state.from) / 3 : 0;
  const window_ = state.whole ? { from: Math.max(0, state.from - margin), to: state.to + margin } : {};
  const parameters = new URLSearchParams({ ...window_, width: Math.round(width() * (margin ? 5 / 3 : 1)), lane, lanes });
  const found = await json(`${base}/timeline?${parameters}`);
  if (mine !== serial) return;
  const first = !state.whole;
  const wasWhole = first || (state.from <= 0 && state.to >= state.whole * 0.999);
  Object.assign(state, { whole: found.whole, running: found.running, lost: found.lost, lanes: found.lanes, writers: found.writers, names: found.names.map(inOrder), bars: found.bars });
  if (first || (wasWhole && state.follows)) Object.assign(state, { from: 0, to: Math.max(found.whole, 1) });
  if (place.dataset.whole !== String(state.whole)) {
    place.dataset.whole = state.whole;
    document.dispatchEvent(new CustomEvent("obs:reached"));
  }
  size();
  say();
  draw();
  place.dataset.ready = "yes";
  if (first) fromAddress();
};
const askSoon = () => {
  clearTimeout(asked);
  asked = setTimeout(() => ask().catch(() => {}), 20);
};
const size = () => {
  const wanted = Math.min(TALLEST, AXIS + state.lanes * LANE + 8);
  canvas.style.height = `${Math.max(90, wanted)}px`;
  state.top = Math.max(0, Math.min(state.top, AXIS + state.lanes * LANE + 8 - wanted));
};
const atLeast = (duration, isLost) => {
  if (!isLost) return lasting(duration);
  return duration > 0 ? `at least ${lasting(duration)}` : "for an unknown time";
};
const say = () => {
  const all = state.to - state.from >= state.whole * 0.999;
  const whole = atLeast(state.whole, state.lost);
  shownText.textContent = all ? whole : `${lasting(state.from)} to ${lasting(state.to)} of ${whole}`;
};

// ---- Moving and zooming

const look = (from, to, silent = false) => {
  const least = 0.05;
  const span = Math.min(Math.max(to - from, least), Math.max(state.whole, least));
  const begin = Math.max(0, Math.min(from, state.whole - span));
  Object.assign(state, { from: begin, to: begin + span });
  say();
  drawSoon();
  askSoon();
  if (!silent) tell();
};
// Curves below share the axis: what is looked at here is looked at there, and the other way round.
const tell = () => {
  const all = state.to - state.from >= state.whole * 0.999;
  document.dispatchEvent(new CustomEvent("obs:looked", { detail: all ? null : { from: state.from, to: state.to } }));
};
document.addEventListener("obs:zoom", ({ detail }) => {
  const told = detail ?? { from: 0, to: state.whole };
  look(told.from, told.to, true);
});
const zoom = (factor, x = width() / 2) => {
  const at = state.from + x * perPixel();
  look(at - (at - state.from) * factor, at + (state.to - at) * factor);
};
const pan = (pixels) => look(state.from + pixels * perPixel(), state.to + pixels * perPixel());
const scroll = (pixels) => {
  const most = Math.max(0, AXIS + state.lanes * LANE + 8 - height());
  const before = state.top;
  state.top = Math.max(0, Math.min(state.top + pixels, most));
  if (state.top === before) return false;
  drawSoon();
  askSoon();
  return true;
};
// The lanes below are moved and zoomed as the spans are.
const surfaces = [canvas, lanes];
const placeOf = (event) => {
  const box = holder.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};
const turned = (event) => {
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    return pan(event.deltaX);
  }
  if (event.shiftKey && scroll(event.deltaY)) return event.preventDefault();
  // Who only scrolls the page past the timeline wants to get past it.
  if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas && !state.pointed) return;
  event.preventDefault();
  zoom(1.0015 ** event.deltaY, placeOf(event).x);
};
let pointers = new Map();
let moved = 0;
const pressed = (event) => {
  event.currentTarget.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, placeOf(event));
  moved = 0;
};
const dragged = (event) => {
  const now = placeOf(event);
  const before = pointers.get(event.pointerId);
  if (!before) return hover(now);
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const [was, is] = [Math.abs(before.x - other.x), Math.abs(now.x - other.x)];
    if (was > 8 && is > 8) zoom(was / is, (now.x + other.x) / 2);
  } else {
    if (before.x !== now.x) pan(before.x - now.x);
    if (event.currentTarget === canvas) scroll(before.y - now.y);
  }
  moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
  pointers.set(event.pointerId, now);
  tip.hidden = true;
};
const released = (event) => {
  pointers.delete(event.pointerId);
  const { x, y } = placeOf(event);
  if (event.type === "pointerup" && moved < 5) choose(barAt(x, y));
};
for (const surface of surfaces) {
  surface.addEventListener("wheel", turned, { passive: false });
  surface.addEventListener("pointerdown", pressed);
  surface.addEventListener("pointermove", dragged);
  for (const kind of ["pointerup", "pointercancel"]) surface.addEventListener(kind, released);
}
// The wheel zooms once the pointer has rested on the timeline or clicked it.
let resting = null;
holder.addEventListener("pointerenter", () => { resting = setTimeout(() => { state.pointed = true; }, 250); });
holder.addEventListener("pointerleave", () => {
  clearTimeout(resting);
  state.pointed = false;
  state.hovered = null;
  tip.hidden = true;
  drawSoon();
});
const KEYS = {
  ArrowLeft: () => pan(-80), ArrowRight: () => pan(80), ArrowUp: () => scroll(-LANE * 2), ArrowDown: () => scroll(LANE * 2),
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: () => look(0, state.whole), Home: () => look(0, state.whole),
  Enter: () => choose(middleBar()), Escape: () => close(),
};
canvas.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
const ZOOMS = { in: () => zoom(0.5), out: () => zoom(2), all: () => look(0, state.whole) };
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", ZOOMS[button.dataset.zoom]);

// ---- Hovering and choosing

const barAt = (x, y) => {
  if (y < AXIS || y >= height()) return null;
  const lane = Math.floor((y - AXIS + state.top) / LANE);
  const slack = 2;
  let best = null;
  for (const bar of state.bars) {
    if (bar[0] !== lane) continue;
    const { left, wide } = boxOf(bar);
    if (x >= left - slack && x <= left + wide + slack && (!best || wide < boxOf(best).wide)) best = bar;
  }
  return best;
};
const middleBar = () => {
  const middle = width() / 2;
  const under = state.bars.filter((bar) => boxOf(bar).left <= middle && boxOf(bar).left + boxOf(bar).wide >= middle);
  return under.at(-1) ?? null;
};
const hover = ({ x, y }) => {
  const bar = barAt(x, y);
  if (bar !== state.hovered) {
    state.hovered = bar;
    drawSoon();
  }
  canvas.style.cursor = bar ? "pointer" : "grab";
  tip.hidden = !bar;
  if (!bar) return;
  const [, start, duration, name, count, flags] = bar;
  const title = document.createElement("strong");
  title.textContent = state.names[name] || "Untitled";
  const what = count > 1
    ? `${count.toLocaleString("en")} spans within ${lasting(duration)}; zoom in for each`
    : `${atLeast(duration, flags & 1 && !state.running)}${flags & 1 && state.running ? " so far" : ""}${flags & 2 ? ", failed" : ""}${flags & 16 ? ", failed; its exception was handled" : ""}${flags & 8 ? ", obs's own work: not the task's time" : ""}`;
  tip.replaceChildren(title, document.createElement("br"), `${what} · at +${lasting(start)}`);
  const left = Math.min(Math.max(4, x + 12), width() - tip.offsetWidth - 4);
  tip.style.left = `${left}px`;
  tip.style.top = `${y + 18}px`;
};
let opened = 0;
const choose = async (bar) => {
  if (!bar) return;
  const [, start, duration, , count, , row] = bar;
  if (count > 1) look(start - duration * 0.5, start + duration * 1.5);
  await showSpan(row);
};
const showSpan = async (span) => {
  const mine = ++opened;
  const html = await text(`${base}/spans/${encodeURIComponent(span)}`).catch((error) => void error);
  if (mine !== opened || html === undefined) return;
  panel.innerHTML = html; // our own server's template, in which every name is escaped
  panel.hidden = false;
  document.dispatchEvent(new CustomEvent("obs:filled", { detail: panel }));
  state.chosen = Number(span);
  history.replaceState(null, "", `#span=${span}`);
  drawSoon();
};
const close = () => {
  opened++;
  panel.hidden = true;
  state.chosen = null;
  history.replaceState(null, "", location.pathname + location.search);
  drawSoon();
};
panel.addEventListener("click", (event) => { if (event.target.closest("[data-close]")) close(); });
panel.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-span]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  goTo(link.dataset.span);
});
// Show a span and the time around it: its place is asked for, since it may be far from what is in view.
const goTo = async (span) => {
  await showSpan(span);
  const at = panel.querySelector("[data-start]");
  if (!at) return;
  const [start, duration, lane, row] = ["start", "duration", "lane", "row"].map((name) => Number(at.dataset[name]));
  state.chosen = row;
  state.top = Math.max(0, lane * LANE - 120);
  size();
  look(start - duration * 0.3, start + duration * 1.3);
  place.scrollIntoView({ block: "nearest" });
};
const fromAddress = () => {
  const span = new URLSearchParams(location.hash.slice(1)).get("span");
  if (span) goTo(span);
};
addEventListener("hashchange", fromAddress);

document.addEventListener("obs:theme", () => { colours.clear(); draw(); }); // at once: a browser that prints does not wait
document.addEventListener("obs:axis-asked", () => draw());
document.addEventListener("obs:changed", askSoon);
new ResizeObserver(() => { draw(); askSoon(); }).observe(holder);
ask().catch(() => { shownText.textContent = "The timeline cannot be read just now."; });
