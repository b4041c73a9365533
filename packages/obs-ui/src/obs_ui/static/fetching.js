// Where the pages here get a deck from: its items and shared bodies from the server, and a frame's empty document, into
// which a deck's HTML is written. The policy of that document lets nothing out.

import { restored } from "/static/report/documents.js";
import { show } from "/static/report/frames.js";

const fetched = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.status === 404 ? "it is not there any more" : `${answer.status} ${answer.statusText}`);
  return answer;
};
const text = async (address) => (await fetched(address)).text();
export const json = async (address) => (await fetched(address)).json();

// Fetched once for all frames of a page; what could not be had is asked for again with the next deck.
const fetchedOnce = new Map();
const once = (address) => {
  if (!fetchedOnce.has(address)) {
    const answer = text(address);
    fetchedOnce.set(address, answer);
    answer.catch(() => fetchedOnce.delete(address));
  }
  return fetchedOnce.get(address);
};
const frameParts = async () => {
  const names = ["theme.css", "frame.css", "frame.js", "paper.js"];
  const [theme, style, frame, paper] = await Promise.all(names.map((name) => once(`/static/report/${name}`)));
  return { style: theme + style, script: frame + paper };
};
const sharedBody = (digest) => once(`/shared/${digest}`).catch(() => null);

const begin = (known, html) => {
  known.onWaiting = () => {
    if (known.sent) return; // a document that asks again may be another one, to which the frame was led
    known.frame.contentWindow.postMessage({ document: html }, "*");
    known.onSent();
  };
  known.frame.src = "/frame";
};

/** Show the deck whose items the server gives at an address; returns whether it is shown. */
export const showFrom = async (panel, title, address) => {
  const [items, parts] = await Promise.all([json(address).then((given) => restored(given, sharedBody)), frameParts()]);
  return show(panel, title, items, parts, begin);
};
