"use strict";
(() => {
  const SANDBOX = "allow-scripts allow-popups allow-downloads";
  const REFERENCE = /obs:shared:(-|[0-9a-f]{32})/g;
  const ONCE = /<script data-obs-once>obs:shared:([0-9a-f]{32})<\/script>/g;
  const WHOLE_DOCUMENT = /^\ufeff?\s*(?:<!--[^]*?-->\s*)*<(?:!doctype\s+html|html[\s>])/i;
  const HEAD = /^\ufeff?(?:\s|<!--[^]*?-->)*(?:<!doctype[^>]*>)?(?:\s|<!--[^]*?-->)*(?:<html(?:[^>"']|"[^"]*"|'[^']*')*>)?\s*(?:<head(?:\s(?:[^>"']|"[^"]*"|'[^']*')*)?>)?/i;
  const TALLEST = 500000;
  const NOTES_SHOWN = 5;
  const STATUS = { running: "Running", succeeded: "Succeeded", failed: "Failed", lost: "Lost" };
  const LOST = "It ended without saying so: it was killed, ran out of memory, or its machine went away. "
    + "What was recorded up to then is shown.";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const contents = JSON.parse(byId("obs-contents").textContent);
  const frameCss = byId("obs-theme-css").textContent + byId("obs-frame-css").textContent;
  const frameJs = byId("obs-frame-js").textContent;

  // ---- Elements. Names reach the page as text nodes and attributes only, never as HTML.

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== ""));
    return made;
  };
  const icon = (name) => {
    const space = "http://www.w3.org/2000/svg";
    const drawing = document.createElementNS(space, "svg");
    drawing.setAttribute("class", `icon icon-${name}`);
    drawing.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(space, "use");
    use.setAttribute("href", `#obs-${name}`);
    drawing.append(use);
    return drawing;
  };
  const name = (text) => element("bdi", {}, text);

  // ---- Theme

  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const keptTheme = (theme) => {
    try {
      if (theme === null) localStorage.removeItem("obs-theme");
      else if (theme) localStorage.setItem("obs-theme", theme);
      return localStorage.getItem("obs-theme");
    } catch {
      return theme ?? null;
    }
  };
  const currentTheme = () => root.dataset.theme;
  const systemTheme = () => (systemIsDark.matches ? "dark" : "light");
  const applyTheme = (theme) => {
    root.dataset.theme = theme;
    for (const frame of frames.values()) tellTheme(frame);
    for (const button of document.querySelectorAll(".theme")) showTheme(button);
  };
  const showTheme = (button) => {
    const other = currentTheme() === "dark" ? "light" : "dark";
    button.replaceChildren(icon(other));
    button.setAttribute("aria-label", `Switch to the ${other} theme`);
    button.title = `Switch to the ${other} theme`;
  };
  const switchTheme = () => {
    const wanted = currentTheme() === "dark" ? "light" : "dark";
    keptTheme(wanted === systemTheme() ? null : wanted);
    applyTheme(wanted);
  };
  const themeButton = () => {
    const button = element("button", { type: "button", class: "quiet theme", onclick: switchTheme });
    showTheme(button);
    return button;
  };
  systemIsDark.addEventListener("change", () => keptTheme() || applyTheme(systemTheme()));

  // ---- Payloads

  const loaded = new Promise((resolve) => {
    if (document.readyState !== "loading") resolve();
    else document.addEventListener("DOMContentLoaded", resolve);
  });
  const decoded = (base64) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const characters = atob(base64);
    const bytes = new Uint8Array(characters.length);
    for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index);
    return bytes;
  };
  const inflated = async (id) => {
    const holder = byId(`obs-${id}`);
    if (!holder) return null;
    const stream = new Blob([decoded(holder.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const bodies = new Map();
  const sharedBody = (digest) => {
    if (!bodies.has(digest)) bodies.set(digest, inflated(`shared-${digest}`));
    return bodies.get(digest);
  };
  // A library that says so is run once in a document, however many items bring it: running plotly.js takes a quarter
  // of a second each time. Whole documents each have a window of their own.
  const withoutRepeats = (items) => {
    const seen = new Set();
    const kept = (script, digest) => (seen.has(digest) ? "" : (seen.add(digest), script));
    return items.map((item) => (isWhole(item) ? item : item.replace(ONCE, kept)));
  };
  const itemsOf = async (payload) => {
    await loaded;
    const json = await inflated(payload);
    const digests = [...new Set(Array.from(json.matchAll(REFERENCE), (found) => found[1]))].filter((found) => found !== "-");
    const texts = new Map();
    for (const digest of digests) texts.set(digest, await sharedBody(digest));
    const restored = (item) =>
      item.replace(REFERENCE, (_, digest) => (digest === "-" ? "obs:shared:" : texts.get(digest) ?? ""));
    return { items: withoutRepeats(JSON.parse(json)).map(restored), missing: digests.filter((digest) => texts.get(digest) === null).length };
  };

  // ---- The documents in the frames

  const isWhole = (item) => WHOLE_DOCUMENT.test(item.slice(0, 4096));
  const opening = (kind) =>
    `<script data-theme="${currentTheme()}" data-kind="${kind}">${frameJs}<` + "/script>";
  const wholeDocument = (item) => {
    const end = HEAD.exec(item.slice(0, 16384))[0].length;
    return item.slice(0, end) + opening("document") + item.slice(end);
  };
  const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const innerFrame = (item) =>
    `<iframe class="obs-document" title="Document" sandbox="${SANDBOX}" srcdoc="${quoted(wholeDocument(item))}"></iframe>`;
  const itemsDocument = (items) =>
    `<!doctype html><html data-theme="${currentTheme()}"><head><meta charset="utf-8"><style>${frameCss}</style>`
    + `${opening("items")}</head><body>\n${items.map((item) => (isWhole(item) ? innerFrame(item) : item)).join("\n")}`;

  // ---- The frames

  const frames = new Map();
  const tellTheme = (frame) => frame.contentWindow?.postMessage({ obs: "theme", theme: currentTheme() }, "*");
  const onHeight = (frame, height) => {
    if (!Number.isFinite(height) || height <= 0) return;
    const panel = frame.parentElement;
    panel.style.setProperty("--content-height", `${Math.min(Math.ceil(height), TALLEST)}px`);
    panel.removeAttribute("aria-busy");
  };
  const onOpen = (frame, url) => {
    // Only what somebody clicked in that very frame.
    if (document.activeElement !== frame || navigator.userActivation?.isActive === false) return;
    if (isWebAddress(url)) open(url, "_blank", "noopener,noreferrer");
  };
  const onScroll = (frame, top) => {
    if (document.activeElement !== frame || !Number.isFinite(top)) return;
    const strip = frame.closest(".task")?.querySelector(".strip")?.offsetHeight ?? 0;
    scrollTo({ top: frame.getBoundingClientRect().top + scrollY + top - strip - 8 });
  };
  addEventListener("message", (event) => {
    const frame = frames.get(event.source);
    const message = event.data;
    if (!frame || !message || typeof message !== "object") return;
    if (message.obs === "height") onHeight(frame, message.height);
    if (message.obs === "measured") answers.get(frame)?.();
    if (message.obs === "open") onOpen(frame, String(message.url));
    if (message.obs === "scroll") onScroll(frame, message.top);
    if (message.obs === "print" && document.activeElement === frame) printWell();
  });
  const laidOut = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const drawInto = async (panel, title, { items, missing }) => {
    const whole = items.length === 1 && isWhole(items[0]);
    const frame = element("iframe", { class: whole ? "frame whole" : "frame", title, sandbox: SANDBOX });
    if (missing) panel.append(note(`${counted(missing, "script or style", "scripts or styles")} that this tab needs `
      + `${missing === 1 ? "was" : "were"} not kept, so parts of it may be missing.`));
    panel.append(frame);
    // A frame that has its size before it has its document: a chart drawn at once must not find a width of 0.
    await laidOut();
    frame.srcdoc = whole ? wholeDocument(items[0]) : itemsDocument(items);
    frames.set(frame.contentWindow, frame);
    frame.addEventListener("load", () => {
      tellTheme(frame);
      panel.removeAttribute("aria-busy");
    });
  };
  const fill = async (panel, title, payload) => {
    if (panel.dataset.opened || !window.DecompressionStream) return;
    panel.dataset.opened = "yes";
    panel.setAttribute("aria-busy", "true");
    try {
      await drawInto(panel, title, await itemsOf(payload));
    } catch (error) {
      panel.removeAttribute("aria-busy");
      panel.append(note(`This tab cannot be shown: ${error.message || error}. The file may have been cut off; make it again.`));
    }
  };

  // ---- Small parts

  const counted = (count, one, many) => (count === 1 ? `1 ${one}` : `${count.toLocaleString("en")} ${many}`);
  const isWebAddress = (url) => {
    try {
      return /^https?:\/\//i.test(url) && Boolean(new URL(url));
    } catch {
      return false;
    }
  };
  const note = (...children) => element("div", { class: "note" }, icon("warning"), element("div", {}, ...children));
  const badge = (status) =>
    element("span", { class: "badge", "data-status": status }, icon(status), STATUS[status] ?? status);
  const MOMENT = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  });
  const AGO = [[86400e3, "day"], [3600e3, "hour"], [60e3, "minute"], [1e3, "second"]];
  const ago = (time) => {
    const past = time - Date.now();
    const [size, unit] = AGO.find(([each]) => Math.abs(past) >= each) ?? AGO[3];
    return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(past / size), unit);
  };
  const moment = (time) => {
    const made = element("time", { datetime: new Date(time).toISOString() }, MOMENT.format(time));
    const sayAgo = () => { made.title = `${ago(time)} · ${new Date(time).toISOString()}`; };
    made.addEventListener("pointerenter", sayAgo);
    sayAgo();
    return made;
  };
  const copied = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = element("textarea", { class: "away" });
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    button.replaceChildren(icon("done"));
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => showCopy(button), 1500);
  };
  const showCopy = (button) => {
    button.replaceChildren(icon("copy"));
    button.setAttribute("aria-label", "Copy the execution's id");
  };
  const copyButton = (text) => {
    const button = element("button", { type: "button", class: "quiet copy", title: "Copy the id", "aria-live": "polite" });
    button.addEventListener("click", () => copied(text, button));
    showCopy(button);
    return button;
  };
  const link = ([label, url]) => {
    if (!isWebAddress(url)) return element("span", { class: "link", title: url }, name(label), " ", element("code", {}, name(url)));
    return element("a", { class: "link", href: url, target: "_blank", rel: "noopener noreferrer", title: url },
      name(label), icon("outward"));
  };
  const fact = (label, ...values) => element("div", { class: "fact" }, element("dt", {}, label), element("dd", {}, ...values));
  const facts = (...given) => element("dl", { class: "facts" }, given.flat());
  const DURATION = { running: "Duration so far" };
  const duration = (shown) => fact(DURATION[shown.status] ?? "Duration", shown.duration);
  const factIf = (value, label, ...values) => (value ? fact(label, ...values) : null);
  const errorBox = (error) => element("p", { class: "error" }, icon("failed"), element("code", {}, name(error)));
  const problems = (shown, notes) => [
    shown.error ? errorBox(shown.error) : null,
    shown.status === "lost" ? note(LOST) : null,
    notes.length ? notesBox(notes) : null,
  ];
  const notesBox = (notes) => {
    const lines = (some) => some.map((text) => element("span", { class: "line" }, name(text)));
    if (notes.length <= NOTES_SHOWN) return note(lines(notes));
    const rest = notes.slice(NOTES_SHOWN - 1);
    return note(lines(notes.slice(0, NOTES_SHOWN - 1)),
      element("details", {}, element("summary", {}, counted(rest.length, "more note", "more notes")), lines(rest)));
  };
  const liveNote = (shown) => element("p", { class: "live" }, icon("running"),
    element("span", {}, "Still running. This is how it stood on ", moment(shown.ended), "."),
    element("button", { type: "button", onclick: () => location.reload() }, "Reload"));
  const title = (shown, ...more) =>
    element("div", { class: "title" }, element("h1", { title: shown.name }, name(shown.name || "Untitled")), badge(shown.status), more);
  const executionId = (execution) =>
    element("span", { class: "id" }, element("code", {}, name(execution.id)), copyButton(execution.id));

  // ---- Tabs

  let serial = 0;
  const tabsOf = (task, remember) => {
    const group = { list: null, select: null, tabs: [], shown: -1 };
    const number = serial++;
    group.tabs = task.tabs.map(([label, payload], index) => tabOf(label, payload, `${number}-${index}`));
    group.list = element("div", { class: "tabs", role: "tablist", "aria-label": `Decks of ${task.name}` },
      group.tabs.map((tab) => tab.button));
    group.select = element("select", { class: "all-tabs", "aria-label": "All decks" },
      group.tabs.map((tab, index) => element("option", { value: index }, tab.label)));
    group.tabs.forEach((tab, index) => tab.button.addEventListener("click", () => choose(group, index, remember)));
    group.select.addEventListener("change", () => choose(group, group.select.selectedIndex, remember));
    group.list.addEventListener("keydown", (event) => onTabKey(group, event, remember));
    return group;
  };
  const tabOf = (label, payload, id) => {
    const button = element("button", {
      type: "button", class: "tab", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, "aria-selected": "false",
      tabindex: "-1", title: label,
    }, name(label));
    const panel = element("div", { class: "panel away", role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}` },
      element("h2", { class: "in-print" }, name(label)));
    return { label, payload, button, panel };
  };
  const choose = (group, index, remember) => {
    show(group, index);
    scrollToTop(group.tabs[index].panel);
    remember(group.tabs[index].label);
  };
  const scrollToTop = (panel) => {
    const panels = panel.parentElement;
    const strip = panels.previousElementSibling;
    const hidden = panels.getBoundingClientRect().top - strip.getBoundingClientRect().bottom;
    if (hidden < 0) scrollBy(0, hidden);
  };
  const show = (group, index) => {
    group.shown = index;
    group.tabs.forEach((tab, each) => {
      const chosen = each === index;
      tab.button.setAttribute("aria-selected", String(chosen));
      tab.button.tabIndex = chosen ? 0 : -1;
      tab.panel.classList.toggle("away", !chosen);
    });
    group.select.selectedIndex = index;
    bringIntoView(group.list, group.tabs[index].button);
    openSoon(group, index);
  };
  const bringIntoView = (list, button) => {
    const margin = 48;
    const left = button.offsetLeft - margin;
    const right = button.offsetLeft + button.offsetWidth + margin - list.clientWidth;
    if (list.scrollLeft > left) list.scrollLeft = left;
    else if (list.scrollLeft < right) list.scrollLeft = right;
  };
  const openSoon = (group, index) => {
    // Whoever holds an arrow key down passes by tabs that take long to draw.
    setTimeout(() => {
      const { panel, label, payload } = group.tabs[index];
      if (group.shown === index) fill(panel, label, payload);
    }, group.list.contains(document.activeElement) ? 80 : 0);
  };
  const STEPS = {
    ArrowRight: (shown, count) => (shown + 1) % count,
    ArrowLeft: (shown, count) => (shown - 1 + count) % count,
    Home: () => 0,
    End: (_, count) => count - 1,
  };
  const onTabKey = (group, event, remember) => {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(group, step(group.shown, group.tabs.length), remember);
    group.tabs[group.shown].button.focus();
  };
  const watchOverflow = (strip, group) => {
    const { list } = group;
    const mark = () => {
      const hidden = list.scrollWidth - list.clientWidth;
      strip.classList.toggle("overflows", hidden > 1);
      strip.classList.toggle("more-before", list.scrollLeft > 1);
      strip.classList.toggle("more-after", hidden - list.scrollLeft > 1);
    };
    list.addEventListener("scroll", mark, { passive: true });
    new ResizeObserver(() => {
      if (group.shown >= 0) bringIntoView(list, group.tabs[group.shown].button);
      mark();
    }).observe(list);
  };
  const firstTab = (task, wanted) => {
    const named = task.tabs.findIndex(([label]) => label === wanted);
    if (named >= 0) return named;
    return Math.max(0, task.status === "failed" ? task.tabs.findIndex(([label]) => label === "Error") : 0);
  };

  // ---- The address: #task=ID&deck=NAME, so that a link to a tab can be sent

  const address = () => new URLSearchParams(location.hash.slice(1));
  const remembered = (task, deck) => {
    const parts = new URLSearchParams();
    if (task !== null) parts.set("task", task);
    if (deck !== null) parts.set("deck", deck);
    try {
      history.replaceState(null, "", `#${parts}`);
    } catch {
      // A page that is itself inside a frame has no address to change.
    }
  };

  // ---- A task

  const emptyState = (text) => element("div", { class: "empty" }, icon("empty"), element("p", {}, text));
  const taskSection = (task, { execution, ofList }) => {
    const section = element("section", { class: "task", "aria-label": task.name });
    section.append(taskHeader(task, execution, ofList));
    if (!task.tabs.length) {
      section.append(emptyState(task.status === "running" ? "Nothing in the decks yet." : "This task filled no decks."));
      return { section, show: () => {} };
    }
    const group = tabsOf(task, (deck) => remembered(ofList ? task.id : null, deck));
    const strip = element("div", { class: "strip" }, element("div", { class: "inside" }, group.list, group.select));
    watchOverflow(strip, group);
    section.append(strip, element("div", { class: "panels" }, group.tabs.map((tab) => tab.panel)));
    return { section, show: (deck) => group.shown >= 0 && !deck ? null : show(group, firstTab(task, deck)) };
  };
  const taskHeader = (task, execution, ofList) => element("header", { class: "head" },
    title(task),
    facts(
      fact("Started", moment(task.started)),
      duration(task),
      task.attempt > 1 ? fact("Attempt", String(task.attempt)) : null,
      ofList ? null : fact("Execution", name(execution.name || "Untitled"), " ", executionId(execution)),
      task.links.length ? fact("Links", element("span", { class: "links" }, task.links.map(link))) : null,
    ),
    ofList ? null : details(execution),
    contents.live && task.status === "running" ? liveNote(task) : null,
    problems(task, ofList ? task.notes : [...task.notes, ...execution.notes]),
  );
  const machineFacts = (execution) => [
    factIf(execution.user, "User", name(execution.user)),
    factIf(execution.host, "Host", name(execution.host)),
    factIf(execution.commit, "Git commit", element("code", {}, name(execution.commit.slice(0, 12)))),
    factIf(execution.tags.length, "Tags", element("span", { class: "links" }, execution.tags.map(tag))),
    factIf(execution.command, "Command", element("code", { class: "command" }, name(execution.command))),
  ].filter((given) => given);
  const tag = ([key, value]) => element("span", { class: "tag" }, name(key), value === "" ? "" : ": ", name(value));
  const details = (execution) => {
    const given = machineFacts(execution);
    return given.length ? element("details", { class: "more" }, element("summary", {}, "About the execution"), facts(...given)) : null;
  };

  // ---- Paper. A frame that becomes narrower becomes higher, and tells so too late for a page that is being printed:
  // Ctrl+P first makes the frames narrow; printed by the browser's menu, they keep their width and are scaled down.

  const PAPER_WIDTH = 700;
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
  const answers = new Map();
  const measured = (frame) => new Promise((resolve) => {
    answers.set(frame, resolve);
    frame.contentWindow.postMessage({ obs: "measure", width: frame.clientWidth }, "*");
  });
  // Each shown frame is asked for its height at its new width, until two answers are the same; one that never answers
  // (a document of the user's own) holds up nobody for long.
  const heightsSettled = async () => {
    const shown = [...frames.values()].filter((frame) => frame.offsetParent);
    const heights = () => shown.map((frame) => frame.offsetHeight).join();
    for (let before = "", round = 0; round < 10 && before !== heights(); round += 1) {
      before = heights();
      await Promise.race([Promise.all(shown.map(measured)), pause(3000)]);
      await pause(50);
    }
  };
  const scaleToPaper = () => {
    for (const frame of frames.values()) {
      const { style } = frame.parentElement;
      style.setProperty("--print-width", `${frame.offsetWidth}px`);
      style.setProperty("--print-scale", String(Math.min(1, PAPER_WIDTH / frame.offsetWidth)));
    }
  };
  const printWell = async () => {
    if (root.classList.contains("for-paper")) return;
    const theme = currentTheme();
    addEventListener("afterprint", () => {
      root.classList.remove("for-paper");
      applyTheme(theme);
    }, { once: true });
    root.classList.add("for-paper");
    applyTheme("light");
    await heightsSettled();
    print();
  };
  addEventListener("beforeprint", scaleToPaper);
  addEventListener("keydown", (event) => {
    if (event.key !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    printWell();
  });

  // ---- The layouts

  const page = byId("obs-page");
  const drawDeck = () => {
    const [label, payload] = contents.tabs[0];
    const panel = element("div", { class: "panel" });
    root.classList.add("bare");
    page.append(element("div", { class: "panels" }, panel));
    fill(panel, label, payload);
    new ResizeObserver(() => parent.postMessage({ obs: "height", height: page.offsetHeight }, "*")).observe(page);
  };
  const drawTask = () => {
    const { execution, tasks: [task] } = contents;
    const shown = taskSection(task, { execution, ofList: false });
    shown.section.querySelector(".title").append(themeButton());
    page.append(element("main", {}, shown.section));
    shown.show(address().get("deck"));
    addEventListener("hashchange", () => shown.show(address().get("deck")));
  };

  const drawList = () => {
    const { execution, tasks } = contents;
    const main = element("main", {});
    const entries = [
      ...(contents.overview ? [{ id: null, depth: 0, make: () => overviewSection(execution) }] : []),
      ...tasks.map((task) => ({ id: task.id, task, depth: task.depth, make: () => taskSection(task, { execution, ofList: true }) })),
    ];
    const sidebar = element("nav", { class: "side", "aria-label": "Tasks", id: "obs-tasks" });
    page.append(topBar(execution, sidebar), element("div", { class: "columns" }, sidebar, main));
    if (!entries.length) return main.append(overviewHeader(execution), emptyState("This execution recorded no tasks."));
    const choices = entries.map((entry) => choice(entry, () => {
      remembered(entry.id, null);
      sidebar.classList.remove("open");
      select(entry);
      scrollTo({ top: 0 });
    }));
    sidebar.append(...(tasks.length > 12 ? [filter(choices)] : []), element("ul", {}, choices));
    const select = (entry, deck = null) => {
      entries.forEach((each, index) => {
        choices[index].firstChild.toggleAttribute("aria-current", each === entry);
        if (each === entry) choices[index].firstChild.setAttribute("aria-current", "page");
        each.made?.section.classList.toggle("away", each !== entry);
      });
      if (!entry.made) main.append((entry.made = entry.make()).section);
      entry.made.show(deck);
    };
    const follow = () => {
      const wanted = address();
      const start = contents.overview ? entries[0] : entries.find((each) => each.task.status === "failed") ?? entries[0];
      select(entries.find((each) => each.id !== null && each.id === wanted.get("task")) ?? start, wanted.get("deck"));
      sidebar.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    };
    follow();
    addEventListener("hashchange", follow);
  };
  const topBar = (execution, sidebar) => {
    const toggle = element("button", {
      type: "button", class: "quiet menu", "aria-label": "Tasks", "aria-controls": "obs-tasks", "aria-expanded": "false",
    }, icon("list"));
    const mark = () => toggle.setAttribute("aria-expanded", String(sidebar.classList.contains("open")));
    toggle.addEventListener("click", () => { sidebar.classList.toggle("open"); mark(); });
    new MutationObserver(mark).observe(sidebar, { attributes: true, attributeFilter: ["class"] });
    return element("header", { class: "bar" }, toggle,
      element("strong", { title: execution.name }, name(execution.name || "Untitled")), badge(execution.status), executionId(execution), themeButton());
  };
  const choice = ({ id, task, depth }, onclick) => {
    const label = id === null ? "Overview" : task.name || "Untitled";
    const button = element("button", { type: "button", title: label, style: `--depth: ${Math.min(depth, 10)}`, onclick },
      id === null ? icon("overview") : element("span", { class: "status", "data-status": task.status, title: STATUS[task.status] }, icon(task.status)),
      element("span", { class: "name" }, name(label)),
      id === null ? null : element("span", { class: "hidden" }, `, ${STATUS[task.status]}, `),
      id === null ? null : element("span", { class: "took" }, task.duration));
    return element("li", {}, button);
  };
  const filter = (choices) => {
    const field = element("input", { type: "search", placeholder: "Filter tasks", "aria-label": "Filter tasks" });
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const each of choices) each.hidden = !each.textContent.toLowerCase().includes(wanted);
    });
    return field;
  };
  const overviewHeader = (execution) => element("header", { class: "head" },
    element("h1", {}, "Overview"),
    facts(
      element("div", { class: "fact on-phone" }, element("dt", {}, "Execution"), element("dd", {}, executionId(execution))),
      fact("Started", moment(execution.started)),
      duration(execution),
      fact("Tasks", contents.tasks.length.toLocaleString("en")),
      machineFacts(execution),
    ),
    contents.live && execution.status === "running" ? liveNote(execution) : null,
    problems(execution, execution.notes),
  );
  const overviewSection = (execution) => {
    const panel = element("div", { class: "panel" });
    const section = element("section", { class: "task", "aria-label": "Overview" }, overviewHeader(execution),
      element("div", { class: "panels" }, panel));
    return { section, show: () => fill(panel, "Overview", contents.overview) };
  };

  ({ task: drawTask, list: drawList, deck: drawDeck })[contents.layout]();
})();
