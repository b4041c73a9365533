// A task's decks as tabs. While the task runs, new decks appear and changed ones are shown anew; the open tab stays open.

import { decksStandAlone, json } from "./asking.js";
import { showFrom } from "./fetching.js";
import { element, icon, note } from "./report/elements.js";
import { closedNote, replaceContent } from "./report/frames.js";
import { arrange, tabsOf } from "./report/tabs.js";

const place = document.querySelector("[data-decks]");
const { decks: base, task, alone } = place.dataset;
const query = (label) => new URLSearchParams({ deck: label });
const wantedLabel = () => new URL(location.href).searchParams.get("deck");

// What each deck is now at the server, and what is drawn of it.
const states = new Map();
const stateOf = (tab) => {
  if (!states.has(tab)) {
    states.set(tab, { wanted: "", drawn: "", busy: false, closed: false });
    tab.panel.addEventListener("obs:closed", ({ detail }) => onClosed(tab, detail.reason));
  }
  return states.get(tab);
};
const onClosed = (tab, reason) => {
  const state = stateOf(tab);
  state.drawn = "";
  if (!reason) return void setTimeout(() => group.shown === tab && fill(tab));
  state.closed = true; // until somebody asks for it, though it may change
  closedNote(tab.panel, reason, () => {
    state.closed = false;
    replaceContent(tab.panel);
    fill(tab);
  });
};
const fill = async (tab) => {
  const state = stateOf(tab);
  if (state.busy || state.closed || state.drawn === state.wanted) return;
  state.busy = true;
  const version = state.wanted;
  if (!state.drawn) tab.panel.setAttribute("aria-busy", "true");
  try {
    const shown = await showFrom(tab.panel, tab.label, `${base}/items?${query(tab.label)}`);
    state.drawn = shown ? version : "";
  } catch (error) {
    replaceContent(tab.panel, note(`This deck cannot be shown: ${error.message}.`));
    state.drawn = version;
  }
  tab.panel.removeAttribute("aria-busy");
  state.busy = false;
  if (group.shown === tab) fill(tab); // it changed in the meantime
};

const openAlone = element("a", { class: "quiet alone", "aria-label": "This deck alone", title: "This deck alone" }, icon("alone"));
const group = tabsOf(task, {
  fill: (tab) => {
    openAlone.href = `${base}/alone?${query(tab.label)}`;
    return fill(tab);
  },
  chosen: (tab) => {
    const address = new URL(location.href);
    address.searchParams.set("deck", tab.label);
    history.replaceState(null, "", address);
  },
  tools: decksStandAlone ? [openAlone] : [],
});
const empty = element("div", { class: "empty" }, icon("empty"), element("p"));

const update = async () => {
  const { decks, status } = await json(base);
  const found = alone ? decks.filter(([label]) => label === alone) : decks;
  group.arrange(found.map(([label]) => label));
  for (const [label, version, outcome, what] of found) {
    const tab = group.tabs.get(label);
    stateOf(tab).wanted = version;
    group.mark(tab, outcome, what);
  }
  empty.lastChild.textContent = status === "running" ? "Nothing in the decks yet." : "This task filled no decks.";
  arrange(place, found.length ? (alone ? [group.panels] : [group.strip, group.panels]) : [empty]);
  if (!found.length) return;
  if (group.shown) fill(group.shown);
  else group.open(group.first(wantedLabel(), status));
};

document.addEventListener("obs:changed", () => update().catch(() => {}));
update().catch((error) => replaceContent(place, note(`The decks cannot be shown: ${error.message}.`)));
