// What two executions show in frames: outputs when they come into view, decks when their tab is opened.

import { showFrom } from "./fetching.js";
import { closedNote, replaceContent } from "./report/frames.js";

const fill = async (panel) => {
  if (panel.dataset.filled) return;
  panel.dataset.filled = "yes";
  panel.setAttribute("aria-busy", "true");
  try {
    await showFrom(panel, panel.dataset.title ?? "Output", panel.dataset.frame);
  } catch (error) {
    panel.removeAttribute("aria-busy");
    panel.textContent = `This cannot be shown: ${error.message}.`;
  }
};
for (const panel of document.querySelectorAll("[data-frame]")) {
  panel.addEventListener("obs:closed", ({ detail }) => {
    const again = () => {
      replaceContent(panel);
      panel.dataset.filled = "";
      fill(panel);
    };
    closedNote(panel, detail.reason || "It was closed with another one that did not answer.", again);
  });
}
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) fill(entry.target);
});
for (const panel of document.querySelectorAll(".framed[data-frame]")) seen.observe(panel);

const tabs = [...document.querySelectorAll("[role=tab]")];
const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
const open = (tab) => {
  for (const each of tabs) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
    panelOf(each).classList.toggle("away", each !== tab);
  }
  for (const panel of panelOf(tab).querySelectorAll("[data-frame]")) fill(panel);
  const address = new URL(location.href);
  address.searchParams.set("deck", tab.dataset.label);
  history.replaceState(null, "", address);
};
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
for (const tab of tabs) {
  tab.disabled = false; // before this script was there nothing would have answered a click
  tab.addEventListener("click", () => open(tab));
  tab.addEventListener("keydown", (event) => {
    if (!STEPS[event.key]) return;
    event.preventDefault();
    const next = tabs.at((tabs.indexOf(tab) + STEPS[event.key]) % tabs.length);
    open(next);
    next.focus();
  });
}
const wanted = new URL(location.href).searchParams.get("deck");
if (tabs.length) open(tabs.find((tab) => tab.dataset.label === wanted) ?? tabs[0]);
