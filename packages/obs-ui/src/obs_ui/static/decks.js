// A task's decks as tabs. While the task runs, new decks appear and changed ones are shown anew; the open tab stays open.

import { closedNote, json, show } from "/static/frames.js";

const place = document.querySelector("[data-decks]");
const { decks: base, task, alone } = place.dataset;
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
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
const query = (label) => new URLSearchParams({ deck: label });

const tabs = new Map();
let shown = null;
const list = element("div", { class: "tabs", role: "tablist", "aria-label": `Decks of ${task}` });
const select = element("select", { class: "all-tabs", "aria-label": "All decks" });
const openAlone = element("a", { class: "quiet alone", "aria-label": "This deck alone", title: "This deck alone" }, icon("alone"));
const strip = element("div", { class: "strip" }, element("div", { class: "inside" }, list, select, openAlone));
const panels = element("div", { class: "panels" });
const empty = element("div", { class: "empty" }, icon("empty"), element("p"));

const made = (label) => {
  const number = tabs.size;
  const button = element("button", {
    type: "button", class: "tab", role: "tab", id: `tab-${number}`, "aria-controls": `panel-${number}`,
    "aria-selected": "false", tabindex: "-1", title: label,
  }, element("bdi", {}, label));
  const panel = element("div", { class: "panel away", role: "tabpanel", id: `panel-${number}`, "aria-labelledby": `tab-${number}` });
  const tab = { label, button, panel, option: element("option", { value: label }, label), wanted: "", drawn: "", busy: false };
  button.addEventListener("click", () => choose(tab));
  panel.addEventListener("obs:closed", ({ detail }) => {
    tab.drawn = "";
    if (!detail.reason) return;
    tab.closed = true; // until somebody asks for it, though it may change
    closedNote(panel, detail.reason, () => {
      tab.closed = false;
      panel.replaceChildren();
      fill(tab);
    });
  });
  tabs.set(label, tab);
  return tab;
};
const fill = async (tab) => {
  if (tab.busy || tab.closed || tab.drawn === tab.wanted) return;
  tab.busy = true;
  const version = tab.wanted;
  if (!tab.drawn) tab.panel.setAttribute("aria-busy", "true");
  try {
    await show(tab.panel, tab.label, await json(`${base}/items?${query(tab.label)}`));
    tab.drawn = version;
  } catch (error) {
    tab.panel.removeAttribute("aria-busy");
    tab.panel.replaceChildren(element("div", { class: "note" }, icon("warning"), `This deck cannot be shown: ${error.message}.`));
    tab.drawn = version;
  }
  tab.busy = false;
  if (shown === tab) fill(tab); // it changed in the meantime
};
const open = (tab) => {
  shown = tab;
  for (const each of tabs.values()) {
    const chosen = each === tab;
    each.button.setAttribute("aria-selected", String(chosen));
    each.button.tabIndex = chosen ? 0 : -1;
    each.panel.classList.toggle("away", !chosen);
  }
  select.value = tab.label;
  openAlone.href = `${base}/alone?${query(tab.label)}`;
  bringIntoView(tab.button);
  // Whoever holds an arrow key down passes by tabs that take long to draw.
  setTimeout(() => shown === tab && fill(tab), list.contains(document.activeElement) ? 80 : 0);
};
const choose = (tab) => {
  open(tab);
  const hidden = panels.getBoundingClientRect().top - strip.getBoundingClientRect().bottom;
  if (hidden < 0) scrollBy(0, hidden);
  const address = new URL(location.href);
  address.searchParams.set("deck", tab.label);
  history.replaceState(null, "", address);
};
const bringIntoView = (button) => {
  const left = button.offsetLeft - 48;
  const right = button.offsetLeft + button.offsetWidth + 48 - list.clientWidth;
  if (list.scrollLeft > left) list.scrollLeft = left;
  else if (list.scrollLeft < right) list.scrollLeft = right;
};
const STEPS = {
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowLeft: (at, count) => (at - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};
list.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const order = [...list.children];
  const next = order[step(order.indexOf(shown.button), order.length)];
  const tab = [...tabs.values()].find((each) => each.button === next);
  choose(tab);
  tab.button.focus();
});
select.addEventListener("change", () => choose(tabs.get(select.value)));
const markOverflow = () => {
  const hidden = list.scrollWidth - list.clientWidth;
  strip.classList.toggle("overflows", hidden > 1);
  strip.classList.toggle("more-before", list.scrollLeft > 1);
  strip.classList.toggle("more-after", hidden - list.scrollLeft > 1);
};
list.addEventListener("scroll", markOverflow, { passive: true });
new ResizeObserver(() => {
  if (shown) bringIntoView(shown.button);
  markOverflow();
}).observe(list);

const first = (found, status) => {
  const wanted = new URL(location.href).searchParams.get("deck");
  const labels = found.map(([label]) => label);
  if (labels.includes(wanted)) return wanted;
  return status === "failed" && labels.includes("Error") ? "Error" : labels[0];
};
const update = async () => {
  const { decks, status } = await json(base);
  const found = alone ? decks.filter(([label]) => label === alone) : decks;
  for (const [label, version] of found) {
    const tab = tabs.get(label) ?? made(label);
    tab.wanted = version;
  }
  const order = found.map(([label]) => tabs.get(label));
  arrange(list, order.map((tab) => tab.button));
  arrange(select, order.map((tab) => tab.option));
  for (const tab of order) if (!tab.panel.isConnected) panels.append(tab.panel);
  empty.lastChild.textContent = status === "running" ? "Nothing in the decks yet." : "This task filled no decks.";
  arrange(place, order.length ? (alone ? [panels] : [strip, panels]) : [empty]);
  if (!order.length) return;
  if (shown) fill(shown);
  else open(tabs.get(first(found, status)));
  markOverflow();
};
// Nodes that are in place already are left where they are: a frame that is moved is loaded anew.
const arrange = (parent, wanted) => {
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
};

document.addEventListener("obs:changed", () => update().catch(() => {}));
update().catch((error) => place.replaceChildren(element("div", { class: "note" }, `The decks cannot be shown: ${error.message}.`)));
