"use strict";
// Draws curves with uPlot: in the Metrics tab of a report, and in the pages of the UI.
(() => {
  const COLOURS = {
    light: ["#2f5bd8", "#c2410c", "#18733a", "#a21caf", "#8a5a00", "#0e7490", "#c4242b", "#5b5f66"],
    dark: ["#86a8ff", "#ff9d66", "#56cc8b", "#e58cf5", "#e2ab45", "#5fd0e6", "#ff8078", "#b4bcc8"],
  };
  const HEIGHT = 220;
  const STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((each) => each * 10 ** power)).flat(); // none is half a step
  const root = document.documentElement;
  const made = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const colour = (name, otherwise) => getComputedStyle(root).getPropertyValue(name).trim() || otherwise;
  const isDark = () => root.dataset.theme === "dark";
  const { number, powerOf, labels, telling, widened, roomFor } = globalThis.obsNumbers;
  // A line has no width at a point that has no neighbour: that is drawn as a dot.
  const alone = (values) => {
    const found = [];
    let [before, last] = [null, -1];
    values.forEach((value, place) => {
      if (value === undefined) return; // a step of another curve's
      if (value === null) {
        if (last >= 0 && before === null) found.push(last);
        [before, last] = [null, -1];
      } else [before, last] = [last >= 0 ? values[last] : null, place];
    });
    if (last >= 0 && before === null) found.push(last);
    return found;
  };
  // Nor has a level line whose points share a pixel.
  const narrow = (plot, values) => {
    const first = values.findIndex((value) => value != null);
    const last = values.findLastIndex((value) => value != null);
    const at = (place) => plot.valToPos(plot.data[0][place], "x");
    return first >= 0 && at(last) - at(first) < 2 ? [last] : [];
  };
  // Of an axis with one step there is nothing else to tell.
  const theOnly = (plot, ticks) => {
    const [first] = plot.data[0];
    return plot.data[0].length === 1 && ticks.includes(first) ? ticks.map((tick) => (tick === first ? tick : null)) : ticks;
  };

  // uPlot takes values for one that lie ten powers of ten closer together than they are large.
  const heights = (low, high) => {
    if (!low && !high) return [0, 1];
    const areClose = high > low && high - low < 1e-8 * Math.max(Math.abs(low), Math.abs(high));
    return areClose ? widened(low, high, 0.1) : uPlot.rangeNum(low, high, 0.1, true);
  };

  const seconds = (value) => {
    if (value < 120) return `${Number(value.toFixed(value < 10 ? 2 : 0))} s`;
    if (value < 7200) return `${Math.floor(value / 60)} min${value % 60 ? ` ${Math.round(value % 60)} s` : ""}`;
    return `${Math.floor(value / 3600)} h${value % 3600 ? ` ${Math.round((value % 3600) / 60)} min` : ""}`;
  };

  // Ticks that are close together have as many digits as tell them apart.
  const moments = (ticks, step) => {
    const most = Math.max(...ticks.map((tick) => Math.abs(tick ?? 0)));
    const [factor, unit] = most && most < 1e-3 ? [1e6, "µs"] : most && most < 1 ? [1e3, "ms"] : [1, "s"];
    if (factor > 1) return labels(ticks.map((tick) => tick && tick * factor), step * factor).map((text) => text && `${text} ${unit}`);
    const fine = step < 1 || ticks.every((tick) => tick == null || tick < 120);
    return fine ? labels(ticks, step).map((text) => text && `${text} s`) : ticks.map((tick) => (tick == null ? "" : seconds(tick)));
  };

  // The mean that forgets: each value counts `weight` times as much as the one after it.
  const smoothed = (values, weight) => {
    if (!weight) return values;
    let mean = 0;
    let share = 0;
    return values.map((value) => {
      if (value == null) return value;
      mean = weight * mean + (1 - weight) * value;
      share = weight * share + (1 - weight);
      return mean / share;
    });
  };

  const columns = (curve, view) => {
    const start = curve.start ?? view.start;
    const x = view.axis === "time" ? curve.times.map((time) => (time - start) / 1000) : curve.steps;
    // What is not finite makes a gap, and so does what a logarithm cannot show.
    let y = curve.values.map((value) => (typeof value === "number" ? value : null));
    y = smoothed(y, view.smoothing);
    if (view.log) y = y.map((value) => (value != null && value > 0 ? value : null));
    const order = x.every((value, index) => index === 0 || value >= x[index - 1]) ? null : x.map((_, index) => index).sort((one, two) => x[one] - x[two] || one - two);
    return order ? [order.map((index) => x[index]), order.map((index) => y[index])] : [x, y];
  };

  class Chart {
    constructor(place, name, panel) {
      this.name = name;
      this.panel = panel;
      this.plot = null;
      this.shape = "";
      this.aside = made("span", { class: "aside" });
      this.canvas = made("div", { class: "plot" });
      this.element = made("figure", { "aria-label": `Curve of ${name}` }, made("figcaption", {}, made("strong", {}, name), " ", this.aside), this.canvas);
      place.append(this.element);
    }

    draw(curves) {
      const { view } = this.panel;
      const power = powerOf(curves.flatMap((curve) => curve.values));
      this.written = telling(curves.flatMap((curve) => curve.values));
      const tables = curves.map((curve) => {
        const [x, y] = columns(curve, view);
        return power === 1 ? [x, y] : [x, y.map((value) => value && value / power)];
      });
      const data = tables.length === 1 ? tables[0] : uPlot.join(tables);
      const points = curves.reduce((sum, curve) => sum + curve.count, 0);
      const drawn = curves.reduce((sum, curve) => sum + curve.values.length, 0);
      const gaps = curves.reduce((sum, curve) => sum + curve.values.filter((value) => typeof value !== "number" || (view.log && value <= 0)).length, 0);
      this.isEmpty = !data.slice(1).some((values) => values.some((value) => value != null));
      this.canvas.dataset.nothing = this.isEmpty ? `No value can be drawn: ${view.log ? "none is positive and finite" : "none is finite"}` : "";
      this.aside.textContent = [
        `${points.toLocaleString("en")} ${points === 1 ? "point" : "points"}${drawn < points ? `, ${drawn.toLocaleString("en")} of them drawn, with all extremes` : ""}`,
        ...(gaps ? [`${gaps.toLocaleString("en")} not drawn: ${view.log ? "zero, negative or not finite" : "not finite"}`] : []),
      ].join(" · ");
      const shape = JSON.stringify([curves.map((curve) => curve.label), view.axis, view.log, isDark(), power]);
      if (this.plot && shape === this.shape) {
        const shown = this.panel.shown(data[0]);
        this.plot.setData(data, !shown);
        if (shown) this.plot.setScale("x", shown);
        return;
      }
      this.shape = shape;
      this.plot?.destroy();
      const colours = COLOURS[isDark() ? "dark" : "light"];
      const [muted, line] = [colour("--obs-muted", "#59636e"), colour("--obs-line", "#d8dee4")];
      const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif" };
      this.plot = new uPlot({
        width: this.width(),
        height: HEIGHT,
        scales: { x: { time: false, range: (_, least, most) => this.panel.range(least, most) }, y: view.log ? { distr: 3, log: 10 } : { range: (_, low, high) => heights(low, high) } },
        axes: [
          { ...axis, grid: { ...axis.grid, filter: theOnly }, space: view.axis === "time" ? 80 : 50, incrs: view.axis === "time" ? undefined : STEPS, values: (plot, ticks, _, __, step) => {
            const shown = theOnly(plot, ticks);
            return view.axis === "time" ? moments(shown, step) : labels(shown, step);
          } },
          { ...axis, size: (plot, texts) => roomFor(plot, texts, 46), values: (_, ticks, __, ___, step) => this.isEmpty ? ticks.map(() => "") : labels(power === 1 ? ticks : ticks.map((tick) => tick && tick * power), view.log ? 0 : step * power) },
        ],
        legend: { live: true },
        cursor: { sync: { key: this.panel.key, setSeries: false }, drag: { x: true, y: false, setScale: true } },
        series: [
          { label: view.axis === "time" ? "after" : "step", value: (_, value) => (value == null ? "–" : view.axis === "time" ? moments([value], 0)[0] : number(value)) },
          ...curves.map((curve, index) => ({
            label: curve.label || this.name,
            stroke: colours[index % colours.length],
            width: 1.5,
            dash: index >= colours.length ? [6, 4] : undefined,
            value: (_, value) => this.written(value && value * power),
            points: { size: 7, fill: colours[index % colours.length], filter: (plot, series, shown) => (shown ? null : [...alone(plot.data[series]), ...narrow(plot, plot.data[series])]) },
          })),
        ],
        // Values are said of the point under the pointer; while there is none, the names alone.
        hooks: { setLegend: [(plot) => this.canvas.classList.toggle("resting", plot.legend.idx == null)], setScale: [(plot, scale) => {
          if (scale !== "x") return;
          this.say(plot.scales.x);
          this.panel.follow(this, plot);
        }] },
      }, data, this.canvas);
      const shown = this.panel.shown(data[0]);
      if (shown) this.plot.setScale("x", shown);
    }

    // What of it is in view, for those who do not see it.
    say({ min, max }) {
      if (min == null) return;
      const ends = this.panel.view.axis === "time" ? [min, max].map((end) => moments([end], 0)[0]) : [min, max].map(number);
      this.element.setAttribute("aria-label", `Curve of ${this.name}, ${this.panel.view.axis === "time" ? "" : "steps "}${ends.join(" to ")}`);
    }

    width() {
      return Math.max(200, this.canvas.clientWidth || this.element.parentElement.clientWidth || 600);
    }

    fit() {
      if (this.plot && Math.abs(this.plot.width - this.width()) > 1) this.plot.setSize({ width: this.width(), height: HEIGHT });
    }
  }

  let panels = 0;

  class Panel {
    constructor(place, options) {
      this.key = `obs-curves-${(panels += 1)}`;
      this.options = options;
      this.charts = new Map();
      this.zoomed = null;
      this.whole = options.whole ?? null;
      this.data = { curves: [] };
      this.view = { axis: options.axis ?? "step", log: false, smoothing: 0, start: 0 };
      this.place = place;
      place.classList.add("obs-panel");
      this.grid = made("div", { class: "grid" });
      place.replaceChildren(this.tools(), this.grid);
      new ResizeObserver(() => { for (const chart of this.charts.values()) chart.fit(); }).observe(place);
      document.addEventListener("obs:theme", () => this.draw());
      new MutationObserver(() => this.draw()).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
    }

    tools() {
      const axes = this.options.axes ?? ["step", "time"];
      const axis = made("select", { "aria-label": "Horizontal axis" }, ...axes.map((name) => made("option", { value: name }, `by ${name}`)));
      axis.hidden = axes.length === 1;
      axis.value = this.view.axis;
      axis.addEventListener("change", () => {
        this.view.axis = axis.value;
        this.zoomed = null;
        this.showAll.hidden = true;
        this.draw();
        this.options.onZoom?.(null, true);
      });
      const log = made("input", { type: "checkbox" });
      log.addEventListener("change", () => { this.view.log = log.checked; this.draw(); });
      const smoothing = made("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: "0", "aria-label": "Smoothing" });
      const said = made("output", {}, "not smoothed");
      smoothing.addEventListener("input", () => {
        this.view.smoothing = Number(smoothing.value);
        said.textContent = this.view.smoothing ? `smoothed: exponential mean of the points drawn, weight ${this.view.smoothing.toFixed(2)}` : "not smoothed";
        this.draw();
      });
      const whole = made("button", { type: "button" }, "Show all");
      whole.addEventListener("click", () => {
        this.zoom(null);
        this.options.onZoom?.(null, true);
      });
      this.showAll = whole;
      whole.hidden = true;
      return made("div", { class: "tools" }, axis, made("label", {}, log, " log scale"), made("label", {}, "smoothing ", smoothing), said, whole);
    }

    update(data) {
      this.data = data;
      this.draw();
    }

    draw() {
      const { curves } = this.data;
      this.view.start = this.options.start ?? curves.reduce((least, curve) => Math.min(least, curve.times[0] ?? Infinity), Infinity);
      const byName = new Map();
      for (const curve of curves) byName.set(curve.name, [...(byName.get(curve.name) ?? []), curve]);
      for (const [name, chart] of this.charts) {
        if (byName.has(name)) continue;
        chart.plot?.destroy();
        chart.element.remove();
        this.charts.delete(name);
      }
      for (const [name, found] of byName) {
        if (!this.charts.has(name)) this.charts.set(name, new Chart(this.grid, name, this));
        this.charts.get(name).draw(found);
      }
      this.place.classList.toggle("single", byName.size === 1);
      for (const chart of this.charts.values()) chart.fit();
    }

    // What is zoomed in one chart is zoomed in all.
    follow(source, plot) {
      const { min, max } = plot.scales.x;
      const xs = plot.data[0];
      if (min == null || !xs.length) return;
      // uPlot tells later of what it was told here: then nothing has changed.
      const slack = 1e-6 * (max - min);
      if (this.zoomed && Math.abs(min - this.zoomed.min) <= slack && Math.abs(max - this.zoomed.max) <= slack) return;
      // A double click shows what the curve has: where the axis is longer, all of that.
      const [first, last] = [xs[0], xs[xs.length - 1]];
      const { min: begin, max: end } = this.axis() ?? { min: first, max: last };
      const all = (min <= begin && max >= end) || (min === first && max === last);
      const before = this.zoomed;
      this.zoomed = all ? null : { min, max };
      this.showAll.hidden = all;
      if (!before && !this.zoomed) return;
      for (const chart of this.charts.values()) if (all || chart !== source) this.scale(chart.plot);
      this.options.onZoom?.(this.zoomed, true);
    }

    scale(plot) {
      if (!plot) return;
      const xs = plot.data[0];
      const shown = this.shown(xs) ?? (xs.length ? { min: xs[0], max: xs[xs.length - 1] } : null);
      if (shown) plot.setScale("x", shown);
    }

    // What the axis shows, if that is not as much as the curve has.
    shown(xs) {
      const shown = this.zoomed ?? this.axis();
      return xs.length ? shown : null;
    }

    range(least, most) {
      if (least !== most) return [least, most];
      const shown = least == null ? this.zoomed ?? this.axis() : null; // nothing was recorded in this part
      return shown ? [shown.min, shown.max] : [least - 1, most + 1];
    }

    // The axis of the page that the curves are on, in seconds: from its beginning to its end, whatever was logged when.
    axis() {
      return this.view.axis === "time" ? this.whole : null;
    }

    reach(range) {
      this.whole = range;
      if (!this.zoomed) for (const chart of this.charts.values()) this.scale(chart.plot);
    }

    zoom(range) {
      this.zoomed = range;
      this.showAll.hidden = !range;
      for (const chart of this.charts.values()) this.scale(chart.plot);
    }
  }

  globalThis.obsCurves = (place, data, options = {}) => {
    const panel = new Panel(place, options);
    panel.update(data);
    return panel;
  };
  for (const place of document.querySelectorAll("[data-curves]:not(.obs-panel)")) {
    const given = place.nextElementSibling;
    if (given?.type === "application/json") obsCurves(place, JSON.parse(given.textContent));
  }
})();
