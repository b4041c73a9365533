// Lanes of what was used and of metrics, below the timeline on its axis: they show the stretch of time that it shows. As
// there, what was answered last is drawn at the new scale until the next answer comes.

import { json } from "./asking.js";
import { formatDuration } from "./report/wording.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 1000; // of a drawing, whatever part of it is seen
const HIGH = 1000;
const [ROOM, BOTTOM] = [0.65, 0.97]; // of a lane's height: what curves have of it below its name, and where they begin
const place = document.querySelector("[data-lanes]");
const holder = place.parentElement;
const line = holder.querySelector(".pointed-at");
const { number, telling } = globalThis.obsNumbers;

let axis = null; // what the timeline shows: microseconds, and where its ticks are
let lanes = [];
let pointed = null; // the time under the pointer, in microseconds

// ---- Values in words

const statistic = (value) => number(Number(value.toPrecision(4)));
const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];
const bytes = (value) => {
  let power = 0;
  while (power < UNITS.length - 1 && Math.abs(value) >= 999.5 * 1000 ** power) power += 1;
  const scaled = value / 1000 ** power;
  return `${power === 0 || scaled >= 99.95 ? scaled.toFixed(0) : scaled.toFixed(1)} ${UNITS[power]}`;
};
const WRITTEN = {
  cores: (value) => `${value.toFixed(2)} cores`,
  bytes,
  "bytes/s": (value) => `${bytes(value)}/s`,
  share: (value) => `${(100 * value).toFixed(0)} %`,
};
const LEAST = { cores: 0.1 }; // what the height of a lane stands for at least: what waits stays at the floor
const DRAWN = ["svg", "g", "path", "line"];
const made = (tag, attributes = {}, ...children) => {
  const element = DRAWN.includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

// ---- A lane

const isFinite_ = (value) => typeof value === "number";
class Lane {
  constructor(name) {
    this.name = name;
    this.curves = [];
    this.facts = made("span", { class: "facts" });
    this.keys = made("span", { class: "keys" });
    this.drawing = made("g");
    this.limit = made("line", { class: "limit" });
    this.svg = made("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.drawing, this.limit);
    this.element = made("figure", { class: "lane", "data-lane": name }, this.svg, made("figcaption", {}, made("span", { class: "name", title: name }, name), this.keys, this.facts));
  }

  // Points are drawn once for each answer, from 0 to 1,000 both ways; what is seen of them is a matter of scale.
  take({ unit, curves, limit, limit_name: limitName }, start) {
    this.written = WRITTEN[unit] ?? telling(curves.flatMap((curve) => curve.values), statistic);
    this.isMetric = !unit;
    this.least = LEAST[unit] ?? 0;
    this.most = limit;
    this.limitName = limitName;
    this.curves = curves.map((curve) => ({ ...curve, times: curve.times.map((time) => (time - start) * 1000) }));
    const times = this.curves.flatMap((curve) => [curve.times[0], curve.times.at(-1)]).filter((time) => time !== undefined);
    this.base = Math.min(...times);
    this.length = Math.max(...times) - this.base || 1;
    const [low, high] = this.extremes(-Infinity, Infinity);
    this.low = low;
    this.range = high > low ? high - low : 1;
    this.drawing.replaceChildren(...this.curves.flatMap((curve) => this.lines(curve)));
    const told = new Map(this.curves.map((curve) => [curve.key, curve.label]));
    this.keys.replaceChildren(...(told.size > 1 ? [...told].slice(0, 6).map(([key, label]) => made("span", { class: "key", "data-key": key % 8 }, label)) : []));
  }

  lines(curve) {
    const parts = [];
    let from = null;
    const dots = [];
    let last = null;
    curve.values.forEach((value, index) => {
      if (!isFinite_(value)) {
        if (from === index - 1) dots.push(last);
        return void (from = null);
      }
      const at = `${(WIDE * (curve.times[index] - this.base) / this.length).toFixed(3)} ${(HIGH * (1 - (value - this.low) / this.range)).toFixed(2)}`;
      parts.push(`${from === null ? "M" : "L"}${at}`);
      from ??= index;
      last = at;
    });
    if (from === curve.values.length - 1 && last) dots.push(last);
    const key = curve.key % 8;
    return [made("path", { "data-key": key, d: parts.join("") || "M0 0" }), ...(dots.length ? [made("path", { class: "dots", "data-key": key, d: dots.map((at) => `M${at}h0`).join("") })] : [])];
  }

  // The least and the greatest of what is in view, with the points next to it, whose lines lead there.
  extremes(from, to) {
    let [low, high] = [Infinity, -Infinity];
    for (const { times, values } of this.curves) {
      const first = Math.max(0, times.findIndex((time) => time >= from) - 1);
      for (let index = times.at(-1) < from ? times.length - 1 : first; index < times.length; index += 1) {
        const value = values[index];
        if (isFinite_(value)) {
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
        if (times[index] > to) break;
      }
    }
    return [low, high];
  }

  show() {
    const { from, to } = axis;
    const [least, peak] = this.extremes(from, to);
    this.say(least, peak);
    this.svg.toggleAttribute("hidden", least > peak); // nothing finite is there to draw
    if (least > peak) return;
    const near = this.most > 0 && peak >= this.most / 3; // one that is far away would press the curve to the floor
    const floor = this.isMetric ? least : Math.min(0, least);
    const top = Math.max(peak, near ? this.most : peak, this.isMetric ? peak : this.least);
    const isFlat = !(top > floor && Number.isFinite(HIGH / (top - floor)));
    // Across, what is in view of the drawing fills the lane; upwards, its least stands above the lower edge and its greatest
    // below the name. What is all alike is a line in the middle: not of no height at all, which would not be drawn.
    const perValue = isFlat ? 0 : ROOM * HIGH / (top - floor);
    const [wide, tall] = [this.length / (to - from || 1), isFlat ? 1e-6 : this.range * perValue / HIGH];
    this.drawing.classList.toggle("speck", isFlat && wide < 2 / WIDE); // a level line within a pixel would not be seen
    const [left, floorAt] = [WIDE * (this.base - from) / (to - from || 1), BOTTOM * HIGH];
    const down = isFlat ? floorAt - ROOM * HIGH / 2 : floorAt - (this.low - floor) * perValue - HIGH * tall;
    this.drawing.setAttribute("transform", `matrix(${wide} 0 0 ${tall} ${left} ${down})`);
    const level = floorAt - ((this.most ?? 0) - floor) * perValue;
    for (const [name, value] of Object.entries({ x1: 0, x2: WIDE, y1: level, y2: level })) this.limit.setAttribute(name, value);
    this.limit.setAttribute("visibility", near ? "visible" : "hidden");
  }

  say(least, peak) {
    const told = this.told(least, peak);
    this.facts.textContent = pointed === null ? told : this.valuesAt(pointed);
    this.facts.title = this.most ? `${this.written(this.most)}: ${this.limitName}` : "";
    this.element.setAttribute("aria-label", `${this.name}, ${formatDuration(axis.from * 1e3)} to ${formatDuration(axis.to * 1e3)}: ${told}`);
  }

  told(least, peak) {
    if (!this.curves.some(({ times }) => times.some((time) => time >= axis.from && time <= axis.to))) return "nothing recorded here";
    if (least > peak) return "not finite";
    if (this.isMetric) return least === peak ? this.written(peak) : `${this.written(least)} to ${this.written(peak)}`;
    return `peak ${this.written(peak)}${this.most ? ` of ${this.written(this.most)}` : ""}`;
  }

  // What each curve was at a moment: its last point until then.
  valuesAt(time) {
    const found = [];
    for (const { times, values, label } of this.curves) {
      let [low, high] = [0, times.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (times[middle] <= time) low = middle + 1;
        else high = middle;
      }
      if (!low) continue;
      const value = values[low - 1];
      found.push(`${this.curves.length > 1 && label ? `${label} ` : ""}${isFinite_(value) ? this.written(value) : "not finite"}`);
    }
    const some = found.slice(0, 4).join(" · ");
    return found.length > 4 ? `${some} · +${found.length - 4}` : some || "nothing until then";
  }
}

// ---- All of them

const more = made("p", { class: "more" });
const grid = made("svg", { class: "ticks", "aria-hidden": "true" });
place.append(grid);
const show = () => {
  if (!axis || !lanes.length) return;
  grid.replaceChildren(...axis.ticks.map((x) => made("line", { x1: Math.round(x) + 0.5, x2: Math.round(x) + 0.5, y1: 0, y2: "100%" })));
  for (const lane of lanes) lane.show();
  if (pointed !== null) line.style.left = `${(pointed - axis.from) / (axis.to - axis.from) * holder.clientWidth}px`;
};
const take = (found) => {
  const known = new Map(lanes.map((lane) => [lane.name, lane]));
  lanes = found.lanes.map((given) => {
    const lane = known.get(given.name) ?? new Lane(given.name);
    lane.take(given, found.start);
    return lane;
  });
  more.textContent = found.more ? `${found.more.toLocaleString("en")} more metrics have their charts below.` : "";
  place.replaceChildren(grid, ...lanes.map((lane) => lane.element), ...(found.more ? [more] : []));
  place.hidden = !lanes.length;
  show();
  place.dataset.ready = "yes";
};

let serial = 0;
let asked = 0;
let answered = ""; // which part, of what: the same is not asked for again
const ask = async () => {
  const mine = ++serial;
  const margin = (axis.to - axis.from) / 3; // so that moving finds something there
  const wanted = new URLSearchParams({ from: (axis.from - margin) / 1e6, to: (axis.to + margin) / 1e6, width: Math.round(holder.clientWidth * 5 / 3) });
  const found = await json(`${place.dataset.lanes}?${wanted}`);
  if (mine === serial) take(found);
};
const askSoon = (anew) => {
  const part = `${axis.from} ${axis.to} ${holder.clientWidth}`;
  if (part === answered && !anew) return;
  answered = part;
  clearTimeout(asked);
  asked = setTimeout(() => ask().catch(() => { answered = ""; }), 60);
};
document.addEventListener("obs:axis", ({ detail }) => {
  axis = detail;
  show();
  if (axis.to > axis.from) askSoon(false);
});
document.addEventListener("obs:changed", () => { if (axis) askSoon(true); });
holder.addEventListener("pointermove", (event) => {
  if (!axis || !lanes.length) return;
  const x = event.clientX - holder.getBoundingClientRect().left;
  pointed = axis.from + (axis.to - axis.from) * x / holder.clientWidth;
  line.hidden = false;
  show();
});
holder.addEventListener("pointerleave", () => {
  pointed = null;
  line.hidden = true;
  show();
});
document.dispatchEvent(new CustomEvent("obs:axis-asked")); // the timeline may have been there before
