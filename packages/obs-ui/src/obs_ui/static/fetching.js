// Where the pages here get a deck from: its items and shared bodies, and a frame's empty document, into which a deck's
// HTML is written. The policy of that document lets nothing out.

import { frameAddress, json, reportFile, sharedBody } from "./asking.js";
import { restored } from "./report/documents.js";
import { show } from "./report/frames.js";

// Fetched once for all frames of a page; what could not be had is asked for again with the next deck.
const fetchedOnce = new Map();
const once = (name, ask) => {
  if (!fetchedOnce.has(name)) {
    const answer = ask(name);
    fetchedOnce.set(name, answer);
    answer.catch(() => fetchedOnce.delete(name));
  }
  return fetchedOnce.get(name);
};
const frameParts = async () => {
  const names = ["theme.css", "frame.css", "frame.js", "paper.js"];
  const [theme, style, frame, paper] = await Promise.all(names.map((name) => once(name, reportFile)));
  return { style: theme + style, script: frame + paper };
};
const bodyOf = (digest) => once(digest, sharedBody).catch(() => null);

const begin = (known, html) => {
  known.onWaiting = () => {
    if (known.sent) return; // a document that asks again may be another one, to which the frame was led
    known.frame.contentWindow.postMessage({ document: html }, "*");
    known.onSent();
  };
  known.frame.src = frameAddress;
};

/** Show the deck whose items the server gives at an address; returns whether it is shown. */
export const showFrom = async (panel, title, address) => {
  const [items, parts] = await Promise.all([json(address).then((given) => restored(given, bodyOf)), frameParts()]);
  return show(panel, title, items, parts, begin);
};
