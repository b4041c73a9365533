// The report's page: draws everything from the description of what it holds, and a tab's document when it is opened.

import { commandIn, element, icon, note, counted } from "./elements.js";
import { restored } from "./documents.js";
import { closedNote, isWebAddress, replaceContent, show } from "./frames.js";
import { tabsOf } from "./tabs.js";
import { obeyTheme, switchesTheme } from "./theme.js";

const NOTES_SHOWN = 5;
const STATUS = { running: "Running", succeeded: "Succeeded", failed: "Failed", lost: "Lost" };
const HANDLED = "Failed; handled by its caller";
const LOST = "It ended without saying so. What was recorded up to then is shown.";
const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const contents = JSON.parse(byId("obs-contents").textContent);

const name = (text) => element("bdi", {}, text);

const themeButton = () => switchesTheme(element("button", { type: "button", class: "quiet theme" }));

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
const inflated = async (id, elsewhere = async () => null) => {
  const text = byId(`obs-${id}`)?.textContent ?? await elsewhere();
  if (text === null) return null;
  const stream = new Blob([decoded(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
};
// A deck in a notebook asks the notebook's page, which has each library once, for those that it did not bring.
const awaited = new Map();
const ofNotebook = (digest) => {
  if (contents.layout !== "deck" || parent === self) return null;
  askNotebook(digest);
  return new Promise((resolve) => { awaited.set(digest, resolve); });
};
const askNotebook = (digest) => parent.postMessage({ obs: "asked", digest }, "*");
const onNotebook = ({ source, data }) => {
  if (source !== parent || !data) return;
  if (data.obs === "body") {
    awaited.get(data.digest)?.(data.content);
    awaited.delete(data.digest);
  }
  if (data.obs === "theme" && ["light", "dark"].includes(data.theme)) {
    obeyTheme(data.theme);
    for (const digest of awaited.keys()) askNotebook(digest); // the notebook's script may have come after this page's
  }
};
const bodies = new Map();
const sharedBody = (digest) => {
  if (!bodies.has(digest)) bodies.set(digest, inflated(`shared-${digest}`, () => ofNotebook(digest)));
  return bodies.get(digest);
};
let parts; // the style and the script that every frame gets
const partsOfFrames = async () => {
  const [style, script] = JSON.parse(await inflated("frame"));
  return { style: byId("obs-theme-css").textContent + style, script };
};
const itemsOf = async (payload) => {
  await loaded;
  return restored(JSON.parse(await inflated(payload)), sharedBody);
};

// ---- The frames

const begin = (known, html) => {
  known.frame.addEventListener("load", () => known.onHeight());
  known.frame.srcdoc = html;
  known.onSent();
};
const fill = async (panel, title, payload) => {
  if (panel.dataset.opened || !window.DecompressionStream) return;
  panel.dataset.opened = "yes";
  panel.setAttribute("aria-busy", "true");
  panel.addEventListener("obs:closed", ({ detail: { reason } }) => {
    const again = () => {
      delete panel.dataset.opened;
      replaceContent(panel);
      fill(panel, title, payload);
    };
    if (reason) closedNote(panel, reason, again); // until somebody asks for it
    else if (panel.closest(".away")) delete panel.dataset.opened;
    else setTimeout(again);
  }, { once: true });
  try {
    await show(panel, title, await itemsOf(payload), await (parts ??= partsOfFrames()), begin);
  } catch (error) {
    panel.removeAttribute("aria-busy");
    replaceContent(panel, note(`This tab cannot be shown: ${error.message || error}. The file may have been cut off; make it again.`));
  }
};

// ---- Small parts

// What is known to have ended a task says more than that it is lost.
const statusWords = ({ status, cut, handled }) =>
  (cut ? cut[0].toUpperCase() + cut.slice(1) : STATUS[status] ?? status) + (handled ? ", handled" : "");
const statusOf = ({ status, handled }) => ({ "data-status": status, ...(handled ? { "data-handled": "", title: HANDLED } : {}) });
const badge = (shown) => element("span", { class: "badge", ...statusOf(shown) }, icon(shown.status), statusWords(shown));
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
  const label = button.getAttribute("aria-label");
  button.replaceChildren(icon("done"));
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    button.replaceChildren(icon("copy"));
    button.setAttribute("aria-label", label);
  }, 1500);
};
const copyButton = (text, what) => {
  const label = `Copy ${what}`;
  const button = element("button", { type: "button", class: "quiet copy", title: label, "aria-label": label, "aria-live": "polite" },
    icon("copy"));
  button.addEventListener("click", () => copied(text, button));
  return button;
};
// What is no address is something to read or to type: it is shown whole, and copied from the command on.
const link = ([label, url]) => {
  if (!isWebAddress(url)) {
    return element("span", { class: "told" }, name(label), " ", element("code", {}, name(url)),
      copyButton(commandIn(url), `what ${label} says`));
  }
  return element("a", { class: "link", href: url, target: "_blank", rel: "noopener noreferrer", title: url },
    name(label), icon("outward"));
};
const fact = (label, ...values) => element("div", { class: "fact" }, element("dt", {}, label), element("dd", {}, ...values));
const facts = (...given) => element("dl", { class: "facts" }, given.flat());
const DURATION = { running: "Duration so far" };
const duration = (shown) => fact(DURATION[shown.status] ?? "Duration", shown.duration);
const factIf = (value, label, ...values) => (value ? fact(label, ...values) : null);
const errorBox = ({ error, handled }) =>
  element("p", { class: "error", ...(handled ? { "data-handled": "" } : {}) }, icon("failed"), element("code", {}, name(error)),
    copyButton(error, "the error"));
// Moments that a sentence gives in UTC are of the reader's zone, like all others of the page.
const MOMENT_IN_TEXT = /(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? UTC)/;
const withMoments = (text) => element("bdi", {}, text.split(MOMENT_IN_TEXT).map((part, index) =>
  (index % 2 ? moment(Date.parse(part.replace(" UTC", "Z").replace(" ", "T").replace(/(\.\d{3})\d*/, "$1"))) : part)));
const whyBox = (why) => element("p", { class: "why" }, withMoments(why), " ", copyButton(why, "why it ended"));
const CHECKS = { failed: "failed", warned: "warned", passed: "passed" };
const CHECK_ICONS = { failed: "failed", warned: "warning", passed: "succeeded" };
const chip = ([outcome, what, found, count]) => element("li", { class: "chip verdict", "data-outcome": outcome },
  icon(CHECK_ICONS[outcome]), element("span", { class: "hidden" }, `${CHECKS[outcome]}: `), name(what),
  count > 1 ? element("span", { class: "found" }, `${count.toLocaleString("en")} times`) : null,
  found ? element("span", { class: "found" }, name(found)) : null);
const chips = (said) => element("ul", { class: "chips" }, said.map(chip));
const checksOf = (said, passed) => {
  if (!said.length) return null;
  const telling = said.filter(([outcome]) => outcome !== "passed");
  const rest = said.filter(([outcome]) => outcome === "passed");
  return element("div", { class: "checks" },
    telling.length ? chips(telling) : null,
    rest.length ? element("details", {}, element("summary", {}, counted(passed, "check passed", "checks passed")), chips(rest)) : null);
};
const countsOf = (said) => ["passed", "warned", "failed"].map((wanted) =>
  said.reduce((sum, [outcome, , , count]) => sum + (outcome === wanted ? count : 0), 0));
// A run may succeed whose data is wrong: that stands beside its status wherever that is.
const inWords = ([, warned, failed]) =>
  failed ? counted(failed, "check failed", "checks failed") : counted(warned, "check warned", "checks warned");
const checksBadge = (counts) => {
  const [, warned, failed] = counts;
  if (!failed && !warned) return null;
  return element("span", { class: "badge verdict", "data-outcome": failed ? "failed" : "warned" },
    icon(failed ? "failed" : "warning"), inWords(counts));
};
const checkMark = (counts) => {
  const [, warned, failed] = counts;
  if (!failed && !warned) return null;
  return element("span", { class: "verdict", "data-outcome": failed ? "failed" : "warned", title: inWords(counts) },
    icon(failed ? "failed" : "warning"), element("span", { class: "hidden" }, `${inWords(counts)}, `));
};
const problems = (shown, notes, why = "") => [
  why ? whyBox(why) : null,
  shown.error && !why.includes(shown.error) ? errorBox(shown) : null,
  shown.status === "lost" && !why && !notes.length ? note(LOST) : null,
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
const titleOf = (shown, ...more) =>
  element("div", { class: "title" }, element("h1", { title: shown.name }, name(shown.name || "Untitled")), badge(shown), more.filter((each) => each));
const executionId = (execution) =>
  element("span", { class: "id" }, element("code", {}, name(execution.id)), copyButton(execution.id, "the execution's id"));

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
  const payloads = new Map(task.tabs.map(([label, payload]) => [label, payload]));
  const group = tabsOf(task.name, {
    fill: ({ panel, label }) => fill(panel, label, payloads.get(label)),
    chosen: ({ label }) => remembered(ofList ? task.id : null, label),
  });
  group.arrange([...payloads.keys()]);
  for (const [label, , outcome, what] of task.tabs) group.mark(group.tabs.get(label), outcome, what);
  section.append(group.strip, group.panels);
  return { section, show: (deck) => (group.shown && !deck ? null : group.open(group.first(deck, task.status))) };
};
// What ended an execution is told on its overview, and by the page of a task that is all there is: it opens on that.
const whyOf = (execution, ofList) =>
  ofList && contents.tasks.filter((task) => !task.isExecution).length > 1 ? "" : execution.why;
const taskHeader = (task, execution, ofList) => element("header", { class: "head" },
  titleOf(task, task.told ? element("span", { class: "apart" }, name(task.told)) : null, checksBadge(countsOf(task.said))),
  facts(
    fact("Started", moment(task.started)),
    duration(task),
    task.attempt > 1 ? fact("Attempt", String(task.attempt)) : null,
    ofList ? null : fact("Execution", name(execution.name || "Untitled"), " ", executionId(execution)),
    task.links.length ? fact("Links", element("span", { class: "links" }, task.links.map(link))) : null,
  ),
  ofList ? null : details(execution),
  contents.live && task.status === "running" ? liveNote(task) : null,
  problems(task, ofList ? task.notes : [...task.notes, ...execution.notes], whyOf(execution, ofList)),
  checksOf(task.said, countsOf(task.said)[0]),
);
const machineFacts = (execution) => [
  factIf(execution.user, "User", name(execution.user)),
  factIf(execution.host, "Host", name(execution.host)),
  factIf(execution.commit, "Git commit", element("code", {}, name(execution.commit.slice(0, 12)))),
  factIf(execution.tags.length, "Tags", element("span", { class: "links" }, execution.tags.map(tag))),
  factIf(execution.command, "Command", element("code", { class: "command" }, name(execution.command)),
    copyButton(execution.command, "the command")),
].filter((given) => given);
const tag = ([key, value]) => element("span", { class: "tag" }, name(key), value === "" ? "" : ": ", name(value));
const details = (execution) => {
  const given = machineFacts(execution);
  return given.length ? element("details", { class: "more" }, element("summary", {}, "About the execution"), facts(...given)) : null;
};

// ---- The layouts

const page = byId("obs-page");
const drawDeck = () => {
  const [label, payload] = contents.tabs[0];
  const panel = element("div", { class: "panel" });
  root.classList.add("bare");
  page.append(element("div", { class: "panels" }, panel));
  fill(panel, label, payload);
  const tell = () => parent.postMessage({ obs: "height", height: page.offsetHeight }, "*");
  new ResizeObserver(tell).observe(page);
  // No change of size is told in a frame that is out of sight: its content is as high as this page was told.
  new MutationObserver(tell).observe(page, { subtree: true, childList: true, attributes: true });
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
    const start = tasks.length === 1 ? entries.at(-1)
      : contents.overview ? entries[0] : entries.find(({ task }) => task.status === "failed" && !task.handled) ?? entries[0];
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
    element("strong", { title: execution.name }, name(execution.name || "Untitled")), badge(execution), checksBadge(execution.checks),
    executionId(execution), themeButton());
};
const choice = ({ id, task, depth }, onclick) => {
  const label = id === null ? "Overview" : task.name || "Untitled";
  const button = element("button", { type: "button", title: task?.told ? `${label} ${task.told}` : label, style: `--depth: ${Math.min(depth, 10)}`, onclick },
    id === null ? icon("overview") : element("span", { class: "status", title: statusWords(task), ...statusOf(task) }, icon(task.status)),
    element("span", { class: "name" }, name(label), task?.told ? element("span", { class: "apart" }, " ", name(task.told)) : null),
    id === null ? null : element("span", { class: "hidden" }, `, ${statusWords(task)}, `),
    id === null ? null : checkMark(countsOf(task.said)),
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
const countOfTasks = () => {
  const tasks = contents.tasks.filter((task) => !task.isExecution);
  const failed = tasks.filter((task) => task.status === "failed").length;
  const all = tasks.length.toLocaleString("en");
  return failed ? `${all}, ${failed.toLocaleString("en")} failed` : all;
};
const overviewHeader = (execution) => element("header", { class: "head" },
  element("h1", {}, "Overview"),
  facts(
    element("div", { class: "fact on-phone" }, element("dt", {}, "Execution"), element("dd", {}, executionId(execution))),
    fact("Started", moment(execution.started)),
    duration(execution),
    fact("Tasks", countOfTasks()),
    machineFacts(execution),
  ),
  contents.live && execution.status === "running" ? liveNote(execution) : null,
  problems(execution, execution.notes, execution.why),
  checksOf(execution.said, execution.checks[0]),
);
const overviewSection = (execution) => {
  const panel = element("div", { class: "panel" });
  const section = element("section", { class: "task", "aria-label": "Overview" }, overviewHeader(execution),
    element("div", { class: "panels" }, panel));
  return { section, show: () => fill(panel, "Overview", contents.overview) };
};

if (parent !== self) {
  addEventListener("message", onNotebook);
  parent.postMessage({ obs: "begun" }, "*");
}
({ task: drawTask, list: drawList, deck: drawDeck })[contents.layout]();
