// A table of which only the rows in view exist. Columns arrive packed (see _packing.py) and are unpacked when needed.
window.obsTable = window.obsTable || (function () {
  "use strict";
  var ROW = 30, PAPER_ROWS = 1000, MAX_HEIGHT = 480, MAX_PIXELS = 12e6, SLICE = 12, COLUMN_MIN = 56, COLUMN_MAX = 360;

  // Packed values: numbers over the column's offset, NaN where one is missing; floats as they are; of eight bytes BigInts.
  function unpack(column) {
    var raw = atob(column.bytes), width = column.width, n = raw.length / width, at = 0;
    if (width === 8) {
      var bytes = new Uint8Array(raw.length);
      for (var b = 0; b < raw.length; b++) bytes[b] = raw.charCodeAt(b);
      return column.kind === "float" ? new Float64Array(bytes.buffer) : new BigUint64Array(bytes.buffer);
    }
    var values = new Float64Array(n), none = Math.pow(256, width) - 1;
    for (var i = 0; i < n; i++) {
      var value = 0, unit = 1;
      for (var k = 0; k < width; k++, unit *= 256) value += raw.charCodeAt(at++) * unit;
      values[i] = value === none ? NaN : value;
    }
    return values;
  }

  function pad(number, length) { return String(number).padStart(length, "0"); }

  var PER_SECOND = { s: 1n, ms: 1000n, us: 1000000n, ns: 1000000000n }, DIGITS = { s: 0, ms: 3, us: 6, ns: 9 };

  function floorDivide(a, b) { return a / b - (a % b < 0n ? 1n : 0n); }

  function dateText(days) {
    var date = new Date(Number(days) * 864e5), year = date.getUTCFullYear();
    return (year < 0 ? "-" + pad(-year, 4) : pad(year, 4)) + "-" + pad(date.getUTCMonth() + 1, 2) + "-" + pad(date.getUTCDate(), 2);
  }

  // A time of day, or the part of a duration below a day.
  function clockText(count, unit) {
    if (count < 0n) return "-" + clockText(-count, unit);
    var seconds = Number(count / PER_SECOND[unit]), rest = count % PER_SECOND[unit];
    var text = pad(Math.floor(seconds / 3600), 2) + ":" + pad(Math.floor(seconds / 60) % 60, 2) + ":" + pad(seconds % 60, 2);
    return DIGITS[unit] ? text + "." + pad(rest, DIGITS[unit]) : text;
  }

  function timeText(count, unit) {
    if (unit === "D") return dateText(count);
    var perDay = 86400n * PER_SECOND[unit], days = floorDivide(count, perDay);
    return dateText(days) + " " + clockText(count - days * perDay, unit);
  }

  function durationText(count, unit) {
    var sign = count < 0n ? "-" : "", size = count < 0n ? -count : count;
    var perDay = 86400n * PER_SECOND[unit], days = size / perDay;
    return sign + (days ? days + " d " : "") + clockText(size % perDay, unit);
  }

  // As float_text in _cells.py has it.
  function floatText(value, decimals) {
    if (!isFinite(value)) return value > 0 ? "∞" : "-∞";
    var size = Math.abs(value), none = decimals === null || decimals === undefined;
    if (!size || !none && size >= 0.5 * Math.pow(10, -decimals) && size < 1e15) {
      var zero = Object.is(value, -0) ? "-" : "";
      return zero + value.toFixed(none ? 0 : decimals);
    }
    var exponent = Number(value.toExponential(5).split("e")[1]);
    if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
    var parts = String(Number(value.toPrecision(6)).toExponential()).split("e");
    return parts[0] + "e" + parts[1][0] + pad(parts[1].slice(1), 2);
  }

  // Numbers of up to 15 digits are exact as numbers; others are written from BigInts.
  function numberText(column) {
    var offset = BigInt(column.offset || 0), scale = Math.pow(10, column.decimals || 0), near = Number(offset);
    if (column.decimals) return function (v) { return ((Number(v) + near) / scale).toFixed(column.decimals); };
    return Number.isSafeInteger(near) && column.width < 7 && Number.isSafeInteger(near + Math.pow(256, column.width))
      ? function (v) { return String(v + near); } : function (v) { return String(offset + BigInt(v)); };
  }

  function momentText(column) {
    var offset = BigInt(column.offset || 0), zone = column.zone, at = zone && unpack({ bytes: zone.bytes, width: zone.width });
    if (!zone) return function (v) { return timeText(offset + BigInt(v), column.unit); };
    return function (v, row) {
      var ahead = BigInt(zone.seconds[at[row]]) * PER_SECOND[column.unit];
      return timeText(offset + BigInt(v) + ahead, column.unit) + zone.texts[at[row]];
    };
  }

  function spanText(column) {
    var offset = BigInt(column.offset || 0), write = column.kind === "clock" ? clockText : durationText;
    return function (v) { return write(offset + BigInt(v), column.unit); };
  }

  var NONE = 0xffffffffffffffffn;

  // A column ready for use: text(row) or null when missing, key(row) to sort by.
  function open(column) {
    var values = null, texts = column.texts, kind = column.kind;
    function get(row) { return (values = values || unpack(column))[row]; }
    var reader = { name: column.name, dtype: column.dtype, index: column.index,
      right: column.numeric || kind === "number" || kind === "float" };
    if (texts) {
      reader.text = kind === "text" ? function (row) { return texts[row]; } : function (row) { return texts[get(row)]; };
      var ranks = null, order = { bytes: column.order, width: column.order_width };
      reader.key = column.order ? function (row) { return (ranks = ranks || unpack(order))[row]; } : reader.text;
      reader.byNumber = !!column.order;
      return reader;
    }
    var write = kind === "number" ? numberText(column) : kind === "time" ? momentText(column) : kind === "float"
      ? function (v) { return floatText(v, column.decimals === undefined ? 0 : column.decimals); } : spanText(column);
    var odd = column.odd || {}, scale = Math.pow(10, column.decimals || 0), near = Number(column.offset || 0);
    reader.text = function (row) {
      var v = get(row);
      if (row in odd) return odd[row];
      if (v !== v) return column.nan || null;
      return v === NONE ? null : write(v, row);
    };
    reader.key = column.odd ? function (row) { return row in odd ? numberIn(odd[row]) : get(row) === NONE ? NaN : (Number(get(row)) + near) / scale; }
      : function (row) { var v = get(row); return v === NONE ? NaN : v; };
    reader.byNumber = true;
    return reader;
  }

  function numberIn(text) { return text.indexOf("∞") < 0 ? parseFloat(text) : text[0] === "-" ? -Infinity : Infinity; }

  function sorted(rows, reader, down) {
    var keys = new Array(rows.length), order = new Uint32Array(rows.length);
    for (var i = 0; i < rows.length; i++) { keys[i] = reader.key(rows[i]); order[i] = i; }
    var missing = reader.byNumber ? function (k) { return k !== k; } : function (k) { return k === null; };
    var sign = down ? -1 : 1, collator = new Intl.Collator(undefined, { numeric: true });
    var compare = reader.byNumber || rows.length > 20000
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
    var facts = counter.innerHTML, what = counter.dataset.count || "rows"; // in the overview of a profile each row is a column

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

    // The names of rows stay in view on the left; rows without names are numbered.
    var wide = widths(), named = columns.filter(function (column) { return column.index; }).length;
    var lead = named ? 0 : Math.max(44, String(Math.max(0, total - 1)).length * 9 + 26), lefts = [], edge = 0;
    for (var at = 0; at < named; edge += wide[at++]) lefts.push(edge);
    if (edge > view.clientWidth / 2) named = 0;
    var whole = wide.reduce(function (a, b) { return a + b; }, lead);
    view.style.setProperty("--columns", (lead ? lead + "px " : "") + wide.map(function (w) { return "minmax(" + w + "px," + w + "fr)"; }).join(" "));
    spacer.style.minWidth = whole + "px";
    if (!root.style.getPropertyValue("--width")) view.style.width = "min(100%, " + (whole + 18) + "px)";

    function css(column, place) {
      return "cell" + (column.right ? " right" : "") + (column.index ? " index" : "") + (place < named ? " stuck" : "");
    }
    function stick(cell, place) { if (place < named) cell.style.left = lefts[place] + "px"; }

    var headCells = [];
    if (lead) {
      var corner = el("div", "cell index stuck", head);
      corner.setAttribute("role", "columnheader");
      el("span", "unseen", corner).textContent = "Row";
    }
    columns.forEach(function (column, place) {
      var headCell = el("div", place < named ? "head-cell stuck" : "head-cell", head);
      headCell.setAttribute("role", "columnheader");
      headCells.push(headCell);
      stick(headCell, place);
      var cell = el("button", css(column, place).replace(" stuck", ""), headCell);
      cell.type = "button";
      cell.title = (column.name || "Name of the row") + (column.dtype ? " (" + column.dtype + ")" : "") + ": click to sort";
      el("span", "name", cell).textContent = column.name;
      if (!column.name) el("span", "unseen", cell).textContent = "Name of the row";
      el("span", "dtype", cell).textContent = column.dtype;
      cell.addEventListener("click", function () { sortBy(place); });
    });

    function sortBy(place) {
      if (sort.column !== place) sort = { column: place, down: !!columns[place].byNumber };
      else if (sort.down === !!columns[place].byNumber) sort = { column: place, down: !sort.down };
      else sort = { column: -1, down: false };
      headCells.forEach(function (headCell, at) {
        headCell.setAttribute("aria-sort", at !== sort.column ? "none" : sort.down ? "descending" : "ascending");
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
      row.number = lead ? el("div", "cell index stuck right", row) : null;
      row.cells = columns.map(function (column, place) {
        var cell = el("div", css(column, place), row);
        cell.setAttribute("role", column.index ? "rowheader" : "cell");
        stick(cell, place);
        return cell;
      });
      if (lead) row.number.setAttribute("role", "rowheader");
      return (pool[at] = row);
    }

    var UNSEEN = /[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

    // As obs_core.text.controls writes them: two values that differ by a control character must not look the same.
    function visible(text) {
      return text.replace(/\r\n/g, "\n").replace(UNSEEN, function (found) {
        var code = found.charCodeAt(0);
        if (code > 0xff) return "\\u" + pad(code.toString(16), 4);
        if (code > 0x7f) return "\\x" + code.toString(16);
        return found === "\n" ? "↵" : found === "\t" ? "⇥" : found === "\x7f" ? "␡" : String.fromCharCode(0x2400 + code);
      }).replace(/^ +| +$/g, function (spaces) { return "␠".repeat(spaces.length); });
    }

    function fill(row, place) {
      var source = shown[place];
      row.setAttribute("aria-rowindex", place + 2);
      row.classList.toggle("odd", place % 2 === 1);
      if (lead) row.number.textContent = source;
      for (var c = 0; c < columns.length; c++) {
        var text = columns[c].text(source), cell = row.cells[c], none = text === null || text === undefined;
        cell.textContent = none ? "NA" : visible(text);
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

    var onPaper = false;
    function draw() {
      if (onPaper) return;
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
      else counter.textContent = found.length.toLocaleString("en") + " of " + total.toLocaleString("en") + " " + what + " match";
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
      pause = setTimeout(function () { find(input.value.toLowerCase().split(/\s+/).filter(Boolean)); }, 120);
    });

    // On paper nobody scrolls: the rows stand there, as far as somebody may leaf through them.
    var left = null;
    document.addEventListener("obs:paper", function () {
      var count = Math.min(shown.length, PAPER_ROWS);
      onPaper = true;
      body.style.transform = "";
      for (var at = 0; at < Math.max(pool.length, count); at++) {
        var row = at < count ? line(at) : pool[at];
        row.hidden = at >= count;
        if (at < count) fill(row, at);
      }
      spacer.style.height = "auto";
      view.style.height = "auto";
      if (count === shown.length || left) return;
      left = el("p", "note", root);
      left.textContent = "This print has the first " + count.toLocaleString("en") + " of " + shown.length.toLocaleString("en") + " " + what + ".";
    });
    document.addEventListener("obs:screen", function () {
      onPaper = false;
      if (left) left.remove();
      left = null;
      for (var at = 60; at < pool.length; at++) pool[at].remove();
      pool.length = Math.min(pool.length, 60);
      resize();
      view.style.height = tall;
      draw();
    });

    resize();
    var tall = Math.min(MAX_HEIGHT, pixels + head.offsetHeight + 2 + (spacer.scrollWidth > view.clientWidth ? 14 : 0)) + "px";
    view.style.height = tall;
    draw();
    new ResizeObserver(draw).observe(view);
  }

  return start;
})();
