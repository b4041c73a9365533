// A Gantt chart on a canvas: only what is in view is drawn, so 10,000 bars and as many rows stay smooth.
window.obsGantt = window.obsGantt || (function () {
  "use strict";
  // {wording}
  var ROW = 26, AXIS = 30, BAR = 14, MAX_HEIGHT = 430, GAP = 10;
  var STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7,
    1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10, 1.5e10, 3e10, 6e10, 12e10, 3e11, 6e11, 9e11, 18e11, 36e11, 72e11, 108e11, 216e11,
    432e11, 864e11, 1728e11, 6048e11, 12096e11, 2592e12, 7862e12, 31536e12, 31536e13, 31536e14];

  function trim(number, digits) { return String(Number(number.toFixed(digits))); }

  function timeText(ns, step) {
    if (ns === 0) return "0";
    if (step < 1e3) return trim(ns / (Math.abs(ns) < 1e3 ? 1 : 1e3), 3) + (Math.abs(ns) < 1e3 ? " ns" : " µs");
    if (step < 1e6) return Math.abs(ns) < 1e6 ? trim(ns / 1e3, 3) + " µs" : trim(ns / 1e6, 3) + " ms";
    if (step < 1e9) return Math.abs(ns) < 1e9 ? trim(ns / 1e6, 3) + " ms" : trim(ns / 1e9, 3) + " s";
    var seconds = Math.round(ns / 1e9);
    if (seconds < 60) return seconds + " s";
    var days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
    var parts = [];
    if (days) parts.push(days + " d");
    if (hours) parts.push(hours + " h");
    if (minutes && step < 864e11) parts.push(minutes + " min");
    if (seconds % 60 && step < 36e11) parts.push(seconds % 60 + " s");
    return parts.join(" ");
  }

  function el(tag, css, parent, text) {
    var element = document.createElement(tag);
    if (css) element.className = css;
    if (text) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function start(root) {
    var chart = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    var n = chart.rows.length, names = chart.names, span = Math.max(chart.span, 1);
    var failed = new Set(chart.failed), handled = new Set(chart.handled);
    var byRow = names.map(function () { return []; });
    for (var i = 0; i < n; i++) byRow[chart.rows[i]].push(i);
    var from = 0, to = span * 1.0, low = -span * 0.005, high = span * 1.02;
    from = low; to = high;

    var tools = el("span", "tools", root.closest(".obs-r").querySelector(".bar"));
    [["−", "Zoom out", function () { zoom(0.5, 2); }], ["+", "Zoom in", function () { zoom(0.5, 0.5); }],
     ["Reset", "Show everything", function () { from = low; to = high; draw(); }]].forEach(function (tool) {
      var button = el("button", "", tools, tool[0]);
      button.type = "button";
      button.title = tool[1];
      button.addEventListener("click", tool[2]);
    });

    var view = el("div", "gantt-view", root), space = el("div", "", view), canvas = el("canvas", "", space);
    var brush = el("div", "brush", root), tip = el("div", "tip", root);
    var wanted = AXIS + names.length * ROW + 6;
    var height = Math.min(MAX_HEIGHT, wanted);
    view.style.height = height + 2 + "px";
    space.style.height = wanted + "px";
    view.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Gantt chart of " + n + " bars; the table below holds the times");

    var width = 0, left = 0, colours = {};

    function readColours() {
      var style = getComputedStyle(root);
      function get(name) { return style.getPropertyValue(name).trim(); }
      colours = { fg: get("--r-fg"), muted: get("--r-muted"), line: get("--r-line"), bad: get("--r-bad"), warn: get("--r-warn"), surface: get("--r-surface"),
        series: names.map(function (name) { return get("--r-bar-" + colourNumber(name)); }), font: style.fontFamily };
    }

    function x(ns) { return left + (ns - from) / (to - from) * (width - left - GAP); }
    function ns(px) { return from + (px - left) / (width - left - GAP) * (to - from); }

    function fit(context, text, room) {
      if (context.measureText(text).width <= room) return text;
      var low = 0, high = text.length;
      while (low < high) {
        var middle = (low + high + 1) >> 1;
        if (context.measureText(text.slice(0, middle) + "…").width <= room) low = middle; else high = middle - 1;
      }
      return text.slice(0, low) + "…";
    }

    function measure(context) {
      var most = 0;
      for (var i = 0; i < Math.min(names.length, 400); i++) most = Math.max(most, context.measureText(names[i].slice(0, 80)).width);
      left = Math.ceil(Math.min(most + 24, Math.max(90, width * 0.3)));
    }

    function axis(context) {
      var step = STEPS.find(function (s) { return s >= (to - from) / Math.max(2, (width - left) / 110); }) || STEPS[STEPS.length - 1];
      context.textAlign = "center";
      var free = -Infinity;
      for (var tick = Math.ceil(Math.max(0, from) / step) * step; tick <= to; tick += step) {
        var at = Math.round(x(tick)) + 0.5, text = timeText(tick, step), half = context.measureText(text).width / 2;
        context.strokeStyle = colours.line;
        context.globalAlpha = 0.7;
        context.beginPath();
        context.moveTo(at, AXIS - 5);
        context.lineTo(at, height);
        context.stroke();
        context.globalAlpha = 1;
        if (at - half < free + 12 || at + half > width) continue;
        context.fillStyle = colours.muted;
        context.fillText(text, at, AXIS / 2);
        free = at + half;
      }
    }

    function bar(context, i, top, colour) {
      var open = chart.lengths[i] === null, end = open ? chart.span : chart.starts[i] + chart.lengths[i];
      var x1 = x(chart.starts[i]), x2 = x(end);
      if (x2 < left || x1 > width) return;
      x1 = Math.max(x1, left - 4);
      var wide = Math.max(2, Math.min(x2, width + 4) - x1);
      context.fillStyle = handled.has(i) ? colours.warn : failed.has(i) ? colours.bad : colour;
      context.globalAlpha = open ? 0.45 : 0.92;
      context.beginPath();
      if (wide > 4 && context.roundRect) context.roundRect(x1, top, wide, BAR, 3); else context.rect(x1, top, wide, BAR);
      context.fill();
      context.globalAlpha = 1;
      if (wide > 6) { context.strokeStyle = colours.surface; context.lineWidth = 1; context.stroke(); }
    }

    function draw() {
      width = view.clientWidth;
      if (!width) return;
      var scale = window.devicePixelRatio || 1, context = canvas.getContext("2d");
      canvas.width = width * scale;
      canvas.height = height * scale;
      canvas.style.width = width + "px";
      canvas.style.height = height + "px";
      context.scale(scale, scale);
      context.font = "12px " + colours.font;
      context.textBaseline = "middle";
      measure(context);
      axis(context);
      var top = view.scrollTop, first = Math.floor(top / ROW), last = Math.min(names.length, Math.ceil((top + height - AXIS) / ROW));
      context.save();
      context.beginPath();
      context.rect(0, AXIS, width, height);
      context.clip();
      for (var row = first; row < last; row++) {
        var y = AXIS + row * ROW - top + (ROW - BAR) / 2, colour = colours.series[row];
        context.textAlign = "left";
        context.fillStyle = colours.fg;
        context.fillText(fit(context, names[row], left - 20), 8, y + BAR / 2 + 0.5);
        context.save();
        context.beginPath();
        context.rect(left, AXIS, width - left, height);
        context.clip();
        byRow[row].forEach(function (i) { bar(context, i, y, colour); });
        context.restore();
      }
      context.restore();
      view.dataset.drawn = last - first;
      tellWindow();
    }

    // What lies below the chart on the same axis follows it: which moments are shown (milliseconds since 1970), and where.
    function tellWindow() {
      var detail = { from: chart.first + from / 1e6, to: chart.first + to / 1e6, left: left + 1, right: GAP + 1 };
      root.dispatchEvent(new CustomEvent("obs:window", { detail: detail }));
    }
    root.addEventListener("obs:window-asked", tellWindow);

    function zoom(at, factor) {
      var middle = from + (to - from) * at, wide = Math.max(4, Math.min(high - low, (to - from) * factor));
      from = Math.max(low, Math.min(high - wide, middle - wide * at));
      to = from + wide;
      draw();
    }

    function move(share) {
      var by = (to - from) * share;
      by = Math.max(low - from, Math.min(high - to, by));
      from += by;
      to += by;
      draw();
    }

    function under(event) {
      var box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
      var row = Math.floor((py - AXIS + view.scrollTop) / ROW), best = null, nearest = 5;
      if (py < AXIS || row < 0 || row >= names.length) return { px: px, row: -1, bar: null };
      byRow[row].forEach(function (i) {
        var end = chart.lengths[i] === null ? chart.span : chart.starts[i] + chart.lengths[i];
        var away = Math.max(x(chart.starts[i]) - px, px - x(end), 0);
        if (away < nearest || (away === 0 && best !== null)) { nearest = away; best = i; }
      });
      return { px: px, row: row, bar: px >= left ? best : null };
    }

    function show(event) {
      var at = under(event);
      tip.textContent = "";
      tip.hidden = at.row < 0 || (at.bar === null && at.px > left);
      if (tip.hidden) return;
      el("b", "", tip, names[at.row]);
      if (at.bar === null) el("div", "", tip, byRow[at.row].length + (byRow[at.row].length === 1 ? " bar" : " bars"));
      else {
        var length = chart.lengths[at.bar];
        el("div", "", tip, length === null ? "not ended" : formatDuration(length) + (handled.has(at.bar) ? ", failed; its error was handled" : failed.has(at.bar) ? ", failed" : ""));
        el("div", "muted", tip, "starts at +" + formatDuration(chart.starts[at.bar]));
        if (chart.cpu.length && chart.cpu[at.bar] !== null) el("div", "muted", tip, "process time " + formatDuration(chart.cpu[at.bar]));
      }
      var box = root.getBoundingClientRect(), px = event.clientX - box.left;
      tip.style.left = Math.max(0, Math.min(px + 14, box.width - tip.offsetWidth - 4)) + "px";
      tip.style.top = event.clientY - box.top + 18 + "px";
    }

    var dragged = null;
    canvas.addEventListener("pointerdown", function (event) {
      var px = event.clientX - canvas.getBoundingClientRect().left;
      if (event.button || px < left) return;
      dragged = px;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", function (event) {
      if (dragged === null) return show(event);
      tip.hidden = true;
      var px = Math.max(left, event.clientX - canvas.getBoundingClientRect().left);
      brush.hidden = false;
      brush.style.left = Math.min(dragged, px) + "px";
      brush.style.width = Math.abs(px - dragged) + "px";
      brush.style.top = AXIS + "px";
      brush.style.height = height - AXIS + "px";
    });
    canvas.addEventListener("pointerup", function (event) {
      var px = Math.max(left, event.clientX - canvas.getBoundingClientRect().left), began = dragged;
      dragged = null;
      brush.hidden = true;
      if (began === null || Math.abs(px - began) < 5) return;
      var one = ns(Math.min(began, px)), two = ns(Math.max(began, px));
      if (two - one < 4) two = one + 4;
      from = one;
      to = two;
      draw();
    });
    canvas.addEventListener("pointerleave", function () { tip.hidden = true; });
    canvas.addEventListener("dblclick", function () { from = low; to = high; draw(); });
    canvas.addEventListener("wheel", function (event) {
      if (!event.ctrlKey && !event.metaKey) {
        if (!event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
        event.preventDefault();
        return move((event.deltaX || event.deltaY) / 1000);
      }
      event.preventDefault();
      var px = event.clientX - canvas.getBoundingClientRect().left;
      zoom(Math.max(0, Math.min(1, (px - left) / (width - left - GAP))), event.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
    view.addEventListener("keydown", function (event) {
      var act = { "+": function () { zoom(0.5, 0.5); }, "=": function () { zoom(0.5, 0.5); }, "-": function () { zoom(0.5, 2); },
        "0": function () { from = low; to = high; draw(); }, ArrowLeft: function () { move(-0.2); }, ArrowRight: function () { move(0.2); } }[event.key];
      if (!act || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
    view.addEventListener("scroll", function () { requestAnimationFrame(draw); });

    function repaint() { readColours(); draw(); }
    document.addEventListener("obs:theme", repaint); // at once: a browser that prints does not wait
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    brush.hidden = tip.hidden = true;
    readColours();
    new ResizeObserver(draw).observe(view);
    draw();
  }

  return start;
})();
