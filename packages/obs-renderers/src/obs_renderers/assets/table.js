// A table of which only the rows in view exist. Columns arrive packed (see _packing.py) and are unpacked when needed.
window.obsTable = window.obsTable || (function () {
  "use strict";
  var ROW = 30, MAX_HEIGHT = 480, MAX_PIXELS = 12e6, SLICE = 12, COLUMN_MIN = 56, COLUMN_MAX = 360;

  function unpack(column) {
    if (column.bytes === undefined) return null;
    var raw = atob(column.bytes), width = column.width, n = raw.length / width, at = 0;
    if (column.kind === "float") {
      var bytes = new Uint8Array(raw.length);
      for (var b = 0; b < raw.length; b++) bytes[b] = raw.charCodeAt(b);
      return new Float64Array(bytes.buffer);
    }
    var values = new Float64Array(n), none = Math.pow(256, width) - 1, offset = column.offset || 0;
    for (var i = 0; i < n; i++) {
      var value = 0, unit = 1;
      for (var k = 0; k < width; k++, unit *= 256) value += raw.charCodeAt(at++) * unit;
      values[i] = value === none ? NaN : value + offset;
    }
    return values;
  }

  function pad(number, length) { return String(number).padStart(length, "0"); }

  var PER_SECOND = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 }, DIGITS = { s: 0, ms: 3, us: 6, ns: 9 };

  function timeText(value, unit) {
    if (unit === "d") return new Date(value * 864e5).toISOString().slice(0, 10);
    var seconds = Math.floor(value / PER_SECOND[unit]);
    var text = new Date(seconds * 1e3).toISOString().slice(0, 19).replace("T", " ");
    return DIGITS[unit] ? text + "." + pad(value - seconds * PER_SECOND[unit], DIGITS[unit]) : text;
  }

  function durationText(value, unit) {
    if (unit === "d") return value + " d";
    var sign = value < 0 ? "−" : "", size = Math.abs(value), whole = Math.floor(size / PER_SECOND[unit]);
    var days = Math.floor(whole / 86400), rest = whole % 86400;
    var text = pad(Math.floor(rest / 3600), 2) + ":" + pad(Math.floor(rest / 60) % 60, 2) + ":" + pad(rest % 60, 2);
    if (DIGITS[unit]) text += "." + pad(size - whole * PER_SECOND[unit], DIGITS[unit]);
    return sign + (days ? days + " d " : "") + text;
  }

  function floatText(value) {
    if (!isFinite(value)) return value > 0 ? "∞" : "−∞";
    var size = Math.abs(value);
    return (size && (size < 1e-4 || size >= 1e12) ? value.toExponential(5) : String(Number(value.toPrecision(6)))).replace("-", "−");
  }

  // A column ready for use: text(row) or null when missing, key(row) to sort by.
  function open(column) {
    var values = null, texts = column.texts, scale = Math.pow(10, column.decimals || 0);
    function get(row) { return (values = values || unpack(column))[row]; }
    var reader = { name: column.name, dtype: column.dtype, right: column.numeric || column.kind === "number" || column.kind === "float" };
    if (column.kind === "text") {
      reader.text = function (row) { return texts[row]; };
    } else if (column.kind === "category") {
      reader.text = function (row) { return texts[get(row)]; };
    } else {
      var write = column.kind === "number" ? function (v) { return (v / scale).toFixed(column.decimals || 0).replace("-", "−"); }
        : column.kind === "float" ? floatText
        : column.kind === "time" ? function (v) { return timeText(v, column.unit); }
        : function (v) { return durationText(v, column.unit); };
      reader.text = function (row) { var v = get(row); return v !== v ? null : write(v); };
      reader.key = get;
    }
    if (reader.key === undefined) reader.key = column.numeric ? numericKey(reader) : reader.text;
    reader.byNumber = column.kind !== "text" && column.kind !== "category" || column.numeric;
    return reader;
  }

  function numericKey(reader) {
    return function (row) { var text = reader.text(row); return text === null ? NaN : parseFloat(text.replace("−", "-")); };
  }

  function sorted(rows, reader, down) {
    var keys = new Array(rows.length), order = new Uint32Array(rows.length);
    for (var i = 0; i < rows.length; i++) { keys[i] = reader.key(rows[i]); order[i] = i; }
    var missing = reader.byNumber ? function (k) { return k !== k; } : function (k) { return k === null; };
    var sign = down ? -1 : 1, collator = new Intl.Collator(undefined, { numeric: true });
    var compare = reader.byNumber ? function (a, b) { return a - b; } : rows.length > 20000
      ? function (a, b) { return a < b ? -1 : a > b ? 1 : 0; } : collator.compare;
    order.sort(function (a, b) {
      var x = keys[a], y = keys[b], mx = missing(x), my = missing(y);
      if (mx || my) return mx && my ? a - b : mx ? 1 : -1;
      return sign * compare(x, y) || a - b;
    });
    return order.map(function (i) { return rows[i]; });
  }

  function el(tag, css, parent) {
    var element = document.createElement(tag);
    if (css) element.className = css;
    if (parent) parent.appendChild(element);
    return element;
  }

  function start(root) {
    var content = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    var columns = content.columns.map(open), total = content.rows;
    var all = new Uint32Array(total);
    for (var i = 0; i < total; i++) all[i] = i;
    var found = all, shown = all, sort = { column: -1, down: false }, search = 0;
    var bar = root.querySelector(".bar"), counter = root.querySelector("[data-count]"), input = root.querySelector("input");
    var facts = counter.innerHTML;

    var view = el("div", "grid", root);
    view.tabIndex = 0;
    view.setAttribute("role", "table");
    view.setAttribute("aria-rowcount", total + 1);
    view.setAttribute("aria-colcount", columns.length);
    var spacer = el("div", "grid-space", view), head = el("div", "grid-row grid-head", spacer), body = el("div", "grid-body", spacer);
    head.setAttribute("role", "row");
    input.hidden = total < 2;

    function widths() {
      var canvas = document.createElement("canvas").getContext("2d"), sample = [];
      canvas.font = "13px " + (getComputedStyle(view).fontFamily || "sans-serif");
      for (var i = 0; i < Math.min(total, 40); i++) sample.push(Math.floor(i * total / Math.min(total, 40)));
      return columns.map(function (column) {
        var most = Math.max(canvas.measureText(column.name).width * 1.08 + 18, canvas.measureText(column.dtype).width * 0.9);
        sample.forEach(function (row) { most = Math.max(most, canvas.measureText(column.text(row) || "NA").width * 1.05); });
        return Math.round(Math.min(COLUMN_MAX, Math.max(COLUMN_MIN, most + 26)));
      });
    }

    var wide = widths();
    var lead = Math.max(44, String(Math.max(0, total - 1)).length * 8 + 24);
    var template = lead + "px " + wide.map(function (w) { return "minmax(" + w + "px," + w + "fr)"; }).join(" ");
    view.style.setProperty("--columns", template);
    spacer.style.minWidth = wide.reduce(function (a, b) { return a + b; }, lead) + "px";

    el("div", "cell index", head).setAttribute("role", "columnheader");
    columns.forEach(function (column, place) {
      var cell = el("button", "cell" + (column.right ? " right" : ""), head);
      cell.type = "button";
      cell.setAttribute("role", "columnheader");
      cell.title = column.name + " (" + column.dtype + "): click to sort";
      el("span", "name", cell).textContent = column.name;
      el("span", "dtype", cell).textContent = column.dtype;
      cell.addEventListener("click", function () { sortBy(place); });
    });

    function sortBy(place) {
      if (sort.column !== place) sort = { column: place, down: columns[place].byNumber };
      else if (sort.down === columns[place].byNumber) sort = { column: place, down: !sort.down };
      else sort = { column: -1, down: false };
      head.querySelectorAll("button").forEach(function (button, at) {
        button.setAttribute("aria-sort", at !== sort.column ? "none" : sort.down ? "descending" : "ascending");
      });
      arrange();
    }

    function arrange() {
      shown = sort.column < 0 ? found : sorted(found, columns[sort.column], sort.down);
      resize();
      view.scrollTop = 0;
      draw();
    }

    var pool = [];
    function line(at) {
      if (pool[at]) return pool[at];
      var row = el("div", "grid-row", body);
      row.setAttribute("role", "row");
      row.cells = [el("div", "cell index", row)];
      columns.forEach(function (column) { row.cells.push(el("div", "cell" + (column.right ? " right" : ""), row)); });
      row.cells.forEach(function (cell) { cell.setAttribute("role", "cell"); });
      return (pool[at] = row);
    }

    function fill(row, place) {
      var source = shown[place];
      row.setAttribute("aria-rowindex", place + 2);
      row.classList.toggle("odd", place % 2 === 1);
      row.cells[0].textContent = source;
      for (var c = 0; c < columns.length; c++) {
        var text = columns[c].text(source), cell = row.cells[c + 1], none = text === null || text === undefined;
        cell.textContent = none ? "NA" : text;
        cell.classList.toggle("missing", none);
        cell.title = !none && text.length > 30 ? text : "";
      }
    }

    var height = 0, pixels = 0;
    function resize() {
      height = shown.length * ROW;
      pixels = Math.min(height, MAX_PIXELS);
      spacer.style.height = pixels + head.offsetHeight + "px";
    }

    function draw() {
      var room = view.clientHeight - head.offsetHeight, top = view.scrollTop;
      var scale = pixels > room ? (height - room) / (pixels - room) : 1;
      var first = Math.max(0, Math.floor(top * scale / ROW) - 4);
      var last = Math.min(shown.length, first + Math.ceil(room / ROW) + 9);
      body.style.transform = "translateY(" + (top - (top * scale - first * ROW)) + "px)";
      for (var at = 0; at < Math.max(pool.length, last - first); at++) {
        var used = at < last - first, row = used ? line(at) : pool[at];
        row.hidden = !used;
        if (used) fill(row, first + at);
      }
    }

    var waiting = false;
    view.addEventListener("scroll", function () {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(function () { waiting = false; draw(); });
    });

    function say() {
      if (found === all) counter.innerHTML = facts;
      else counter.textContent = found.length.toLocaleString("en") + " of " + total.toLocaleString("en") + " rows match";
    }

    // The search goes through the rows a few milliseconds at a time, so the page never stops answering.
    function find(words) {
      var mine = ++search, hits = [], row = 0;
      if (!words.length) { found = all; say(); return arrange(); }
      function holds(row, word) {
        for (var c = 0; c < columns.length; c++) {
          var text = columns[c].text(row);
          if (text && text.toLowerCase().indexOf(word) >= 0) return true;
        }
        return false;
      }
      (function slice() {
        if (mine !== search) return;
        var until = performance.now() + SLICE;
        for (; row < total && performance.now() < until; ) {
          for (var stop = Math.min(total, row + 50); row < stop; row++)
            if (words.every(function (word) { return holds(row, word); })) hits.push(row);
        }
        if (row < total) {
          counter.textContent = "Searching … " + Math.round(row / total * 100) + " %";
          return setTimeout(slice, 0);
        }
        found = Uint32Array.from(hits);
        say();
        arrange();
      })();
    }

    var pause = 0;
    input.addEventListener("input", function () {
      clearTimeout(pause);
      pause = setTimeout(function () { find(input.value.toLowerCase().replace(/-(?=\d)/g, "−").split(/\s+/).filter(Boolean)); }, 120);
    });

    resize();
    view.style.height = Math.min(MAX_HEIGHT, pixels + head.offsetHeight + 2 + (spacer.scrollWidth > view.clientWidth ? 14 : 0)) + "px";
    draw();
    new ResizeObserver(draw).observe(view);
  }

  return start;
})();
