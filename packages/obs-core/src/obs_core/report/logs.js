"use strict";
// Draws the lines of a task's log: only those in view are elements, so that 100,000 of them stay quick.
(() => {
  const source = [...document.querySelectorAll(".obs-log-lines")].pop();
  const place = [...document.querySelectorAll(".obs-logs")].pop();
  const { spans, rows, missing, notes, atEnd } = JSON.parse(source.textContent);
  source.remove();
  const HEIGHT = 20;
  const MOST_HEIGHT = 640;
  const [AT, SEVERITY, LEVEL, STREAM, SPAN, TEXT, LOGGER, WHERE, EXCEPTION, FIELDS, WRITER] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

  const make = (tag, properties = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in made && name !== "list") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };
  const number = (count) => count.toLocaleString("en");
  const severityOf = (row) => (row[SEVERITY] >= 40 ? "error" : row[SEVERITY] >= 30 ? "warning" : "");
  // As the reader writes times, like the rest of the page.
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
  const time = (ms) => clock.format(new Date(ms));

  // ANSI: colours are drawn, anything else is left out.
  const ESCAPE = /\x1b(?:\[([0-9;:]*)m|\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_-])/g;
  const COLOURS = ["#6b7280", "#d1434b", "#2a9d5c", "#b7791f", "#3f7ee8", "#a855c7", "#1b9aaa", "#9aa4b2"];
  const colourOf = (codes) => {
    const [kind, ...parts] = codes;
    if (kind === 2) return `rgb(${parts.slice(0, 3).map((each) => Math.min(255, each || 0)).join(",")})`;
    const code = parts[0] || 0;
    if (code < 16) return COLOURS[code % 8];
    if (code > 231) return `rgb(${Array(3).fill(8 + (code - 232) * 10).join(",")})`;
    const level = (step) => (step ? 55 + step * 40 : 0);
    const cube = code - 16;
    return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`;
  };
  const applied = (style, text) => {
    const codes = (text || "0").split(/[;:]/).map(Number);
    for (let index = 0; index < codes.length; index += 1) {
      const code = codes[index];
      if (code === 0) style = {};
      else if (code === 1) style = { ...style, fontWeight: "600" };
      else if (code === 3) style = { ...style, fontStyle: "italic" };
      else if (code === 4) style = { ...style, textDecoration: "underline" };
      else if ((code >= 30 && code < 38) || (code >= 90 && code < 98)) style = { ...style, color: COLOURS[code % 10] };
      else if (code === 39) style = { ...style, color: "" };
      else if (code === 38 || code === 48) {
        const length = codes[index + 1] === 2 ? 4 : 2;
        if (code === 38) style = { ...style, color: colourOf(codes.slice(index + 1, index + 1 + length)) };
        index += length;
      }
    }
    return style;
  };
  const coloured = (text) => {
    if (!text.includes("\x1b")) return [text];
    const parts = [];
    let style = {};
    let from = 0;
    const add = (piece) => {
      if (!piece) return;
      const part = make("span", {}, piece);
      Object.assign(part.style, style);
      parts.push(part);
    };
    for (const found of text.matchAll(ESCAPE)) {
      add(text.slice(from, found.index));
      from = found.index + found[0].length;
      if (found[0].endsWith("m")) style = applied(style, found[1]);
    }
    add(text.slice(from));
    return parts;
  };
  const plain = (text) => text.replace(ESCAPE, "");

  // Each row of the screen: which line, and which of its parts: a text or a traceback may have several.
  const partsOf = (row) => {
    const said = row[TEXT].split("\n");
    return row[EXCEPTION] ? [...said, ...row[EXCEPTION].split("\n")] : said;
  };
  let shown = [];
  const choose = () => {
    const wanted = search.value.trim().toLowerCase();
    const least = Number(level.value);
    const span = spanChoice.value;
    shown = [];
    let count = 0;
    rows.forEach((row, index) => {
      if (row[SEVERITY] < least || (span && spans[row[SPAN]] !== span)) return;
      if (wanted && ![TEXT, EXCEPTION, LOGGER, FIELDS].some((field) => row[field].toLowerCase().includes(wanted))) return;
      count += 1;
      const parts = row[EXCEPTION] || row[TEXT].includes("\n") ? partsOf(row).length : 1;
      for (let part = 0; part < parts; part += 1) shown.push([index, part]);
    });
    const all = missing ? `the ${number(rows.length)} lines shown here` : `${number(rows.length)} lines`;
    counted.textContent = count === rows.length ? `${number(count)} lines` : `${number(count)} of ${all}`;
    filler.style.height = `${shown.length * HEIGHT}px`;
    lines.style.height = `${Math.min(Math.max(shown.length, 1) * HEIGHT + 2, MOST_HEIGHT)}px`;
    draw();
  };

  let marked = -1;
  const rowOf = ([index, part], at) => {
    const row = rows[index];
    const line = make("div", { className: index === marked ? "row hit" : "row" });
    line.style.top = `${at * HEIGHT}px`;
    line.dataset.severity = severityOf(row);
    const parts = partsOf(row);
    const first = part === 0;
    const about = [row[WHERE], row[WRITER] && `process ${row[WRITER]}`].filter(Boolean).join("\n");
    if (about) line.title = about;
    line.append(
      make("span", { className: "time" }, first ? time(row[AT]) : " ".repeat(time(row[AT]).length)),
      make("span", { className: "level" }, first ? row[LEVEL] || (row[STREAM] === "stderr" ? "stderr" : "") : ""),
    );
    if (spans.length > 1) line.append(make("span", { className: "span", title: spans[row[SPAN]] }, first ? spans[row[SPAN]] : ""));
    const text = make("span", { className: "text" });
    if (first && row[LOGGER]) text.append(make("span", { className: "more" }, `${row[LOGGER]}: `));
    text.append(...coloured(parts[part]));
    line.append(text);
    if (first && row[FIELDS]) line.append(make("span", { className: "more" }, row[FIELDS]));
    return line;
  };
  const draw = () => {
    const first = Math.max(0, Math.floor(lines.scrollTop / HEIGHT) - 10);
    const last = Math.min(shown.length, first + Math.ceil(MOST_HEIGHT / HEIGHT) + 20);
    const made = [];
    for (let at = first; at < last; at += 1) made.push(rowOf(shown[at], at));
    filler.replaceChildren(...made);
  };
  const goTo = (index) => {
    search.value = "";
    level.value = "0";
    spanChoice.value = "";
    marked = index;
    choose();
    lines.scrollTop = Math.max(0, (shown.findIndex(([one]) => one === index) - 4) * HEIGHT);
    draw();
  };

  const search = make("input", { type: "search", placeholder: "Search", "aria-label": "Search the lines" });
  const option = (value, text) => make("option", { value }, text);
  const level = make("select", { "aria-label": "Level" }, option("0", "All lines"), option("10", "Logged"), option("20", "Info and worse"), option("30", "Warnings and errors"), option("40", "Errors"));
  const spanChoice = make("select", { "aria-label": "Span" }, option("", "All spans"), ...spans.slice(1).map((name) => option(name, name)));
  const counted = make("span", { className: "count", role: "status" });
  const toEnd = make("button", { type: "button" }, "Go to the end");
  const tools = make("div", { className: "tools" }, search, level, ...(spans.length > 1 ? [spanChoice] : []), counted, toEnd);
  const filler = make("div", { className: "filler" });
  filler.style.position = "relative";
  const lines = make("div", { className: "lines", tabIndex: 0, role: "region", "aria-label": "Lines" }, filler);

  const problems = [];
  rows.forEach((row, index) => row[SEVERITY] >= 30 && problems.push(index));
  problems.sort((left, right) => (rows[right][SEVERITY] >= 40) - (rows[left][SEVERITY] >= 40) || left - right);
  const errors = problems.filter((index) => rows[index][SEVERITY] >= 40).length;
  const many = (count, noun) => (count ? [`${number(count)} ${noun}${count === 1 ? "" : "s"}`] : []);
  if (problems.length) {
    const list = make("ul");
    for (const index of problems.slice(0, 100)) {
      const row = rows[index];
      const button = make("button", { type: "button" }, make("span", { className: "time" }, time(row[AT])), make("span", { className: "level" }, row[LEVEL]), make("span", { className: "text" }, plain(row[TEXT].split("\n")[0])));
      button.dataset.severity = severityOf(row);
      button.addEventListener("click", () => goTo(index));
      list.append(make("li", {}, button));
    }
    const title = [...many(errors, "error"), ...many(problems.length - errors, "warning")].join(", ");
    const first = problems.length > 100 ? ", the first 100 of them" : "";
    place.append(make("details", { className: "problems", open: true }, make("summary", {}, title + first), list));
  }
  place.append(tools);
  // Who finds nothing must know that not all was searched.
  const [are, more] = missing === 1 ? ["is", "line"] : ["are", "lines"];
  const elsewhere = `${number(missing)} more ${more} ${are} not shown here, nor searched: obs logs --grep TEXT searches all that is kept.`;
  const left = missing ? [elsewhere] : [];
  for (const text of [...left, ...notes]) place.append(make("p", { className: "note" }, text));
  place.append(lines);
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(choose, rows.length > 5000 ? 120 : 0);
  });
  for (const choice of [level, spanChoice]) choice.addEventListener("change", choose);
  lines.addEventListener("scroll", draw, { passive: true });
  const showEnd = () => {
    lines.scrollTop = lines.scrollHeight;
    draw();
  };
  toEnd.addEventListener("click", showEnd);
  choose();
  if (atEnd) showEnd();
})();
