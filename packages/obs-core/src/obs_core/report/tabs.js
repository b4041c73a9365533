// Decks as tabs: a strip of tabs, the list of all where they do not fit, and their panels.

import { element, icon, inOrder } from "./elements.js";
import { printWell } from "./frames.js";

let groups = 0;
const VERDICTS = { failed: "failed", warned: "warning", passed: "passed" };
const VERDICT_ICONS = { failed: "failed", warned: "warning", passed: "succeeded" };
// What every task gets by itself: a reader who opens a report wants what the task has to say first.
const OF_EVERY_TASK = new Set(["Input", "Output", "Source Code", "Timeline", "Dependencies", "Error", "Logs", "Resources",
  "CPU profile"]);
const STEPS = {
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowLeft: (at, count) => (at - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};
// Nodes that are in place already are left where they are: a frame that is moved is loaded anew.
export const arrange = (parent, wanted) => {
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
};

/**
 * Make the tabs of a task. `fill(tab)` draws the panel of one that is opened; `chosen(tab)` hears which the reader
 * chose; `tools` stand at the end of the strip.
 */
export const tabsOf = (task, { fill, chosen, tools = [] }) => {
  const number = groups++;
  const tabs = new Map();
  const list = element("div", { class: "tabs", role: "tablist", "aria-label": `Decks of ${task}` });
  const select = element("select", { class: "all-tabs", "aria-label": "All decks" });
  const printing = element("button", {
    type: "button", class: "quiet print", "aria-label": "Print this deck", title: "Print this deck", onclick: () => printWell(),
  }, icon("print"));
  const strip = element("div", { class: "strip" }, element("div", { class: "inside" }, list, select, printing, tools));
  const panels = element("div", { class: "panels" });
  const group = { tabs, strip, panels, shown: null };

  const add = (label) => {
    const id = `${number}-${tabs.size}`;
    const button = element("button", {
      type: "button", class: "tab", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, "aria-selected": "false",
      tabindex: "-1", title: label,
    }, element("bdi", {}, label));
    const panel = element("div", { class: "panel away", role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}` },
      element("h2", { class: "in-print" }, element("bdi", {}, label)));
    const tab = { label, button, panel, option: element("option", { value: label }, label) };
    button.addEventListener("click", () => group.choose(tab));
    tabs.set(label, tab);
    return tab;
  };
  /** Mark a tab with what a check found, as far as anything was; `what` says it in words. */
  group.mark = (tab, outcome, what) => {
    tab.button.querySelector(".verdict")?.remove();
    tab.button.title = inOrder(tab.label);
    if (!VERDICTS[outcome]) return;
    const said = what ? `${VERDICTS[outcome]}: ${what}` : VERDICTS[outcome];
    tab.button.title = inOrder(`${tab.label}, ${said}`);
    tab.button.append(element("span", { class: "verdict", "data-outcome": outcome }, icon(VERDICT_ICONS[outcome]),
      element("span", { class: "hidden" }, `, ${said}`)));
  };
  /** Show these tabs, in this order; a label that was there before keeps its tab. */
  group.arrange = (labels) => {
    const order = labels.map((label) => tabs.get(label) ?? add(label));
    arrange(list, order.map((tab) => tab.button));
    arrange(select, order.map((tab) => tab.option));
    for (const tab of order) if (!tab.panel.isConnected) panels.append(tab.panel);
    if (group.shown) group.shown.option.selected = true;
    markOverflow();
  };
  group.open = (tab) => {
    group.shown = tab;
    for (const each of tabs.values()) {
      each.button.setAttribute("aria-selected", String(each === tab));
      each.button.tabIndex = each === tab ? 0 : -1;
      each.panel.classList.toggle("away", each !== tab);
    }
    tab.option.selected = true;
    bringIntoView(tab.button);
    // Whoever holds an arrow key down passes by tabs that take long to draw.
    setTimeout(() => group.shown === tab && fill(tab), list.contains(document.activeElement) ? 80 : 0);
  };
  group.choose = (tab) => {
    group.open(tab);
    const hidden = panels.getBoundingClientRect().top - strip.getBoundingClientRect().bottom;
    if (hidden < 0) scrollBy(0, hidden);
    chosen(tab);
  };
  /** Name the tab to open first: what is asked for, the error of a task that failed, what the task filled, its output. */
  group.first = (wanted, status) => {
    const order = [...list.children].map((button) => [...tabs.values()].find((tab) => tab.button === button));
    return tabs.get(wanted) ?? (status === "failed" ? tabs.get("Error") : null)
      ?? order.find(({ label }) => !OF_EVERY_TASK.has(label)) ?? tabs.get("Output") ?? order[0];
  };

  const bringIntoView = (button) => {
    const left = button.offsetLeft - 48;
    const right = button.offsetLeft + button.offsetWidth + 48 - list.clientWidth;
    if (list.scrollLeft > left) list.scrollLeft = left;
    else if (list.scrollLeft < right) list.scrollLeft = right;
  };
  const markOverflow = () => {
    const hidden = list.scrollWidth - list.clientWidth;
    strip.classList.toggle("overflows", hidden > 1);
    strip.classList.toggle("more-before", list.scrollLeft > 1);
    strip.classList.toggle("more-after", hidden - list.scrollLeft > 1);
  };
  list.addEventListener("scroll", markOverflow, { passive: true });
  new ResizeObserver(() => {
    if (group.shown) bringIntoView(group.shown.button);
    markOverflow();
  }).observe(list);
  list.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const order = [...list.children];
    const next = order[step(order.indexOf(group.shown.button), order.length)];
    group.choose([...tabs.values()].find((tab) => tab.button === next));
    next.focus();
  });
  select.addEventListener("change", () => group.choose([...tabs.values()].find((tab) => tab.option.selected)));
  return group;
};
