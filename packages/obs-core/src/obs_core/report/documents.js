// What is written into a deck's frame: its items as one document, with the large scripts back in their places.

import { currentTheme } from "./theme.js";

/** No popups, downloads, dialogs, forms: what a deck wants outside its frame it asks for, and the reader grants. */
export const SANDBOX = "allow-scripts";
/** What a sandbox leaves to a frame: on a click in it, a video may become a window that stays above all others. */
export const ALLOWED = "picture-in-picture 'none'";
const REFERENCE = /obs:shared:(-|[0-9a-f]{32})/g;
const ONCE = /<script data-obs-once>obs:shared:([0-9a-f]{32})<\/script>/g;
const WHOLE_DOCUMENT = /^\ufeff?\s*(?:<!--[^]*?-->\s*)*<(?:!doctype\s+html|html[\s>])/i;
const HEAD = /^\ufeff?(?:\s|<!--[^]*?-->)*(?:<!doctype[^>]*>)?(?:\s|<!--[^]*?-->)*(?:<html(?:[^>"']|"[^"]*"|'[^']*')*>)?\s*(?:<head(?:\s(?:[^>"']|"[^"]*"|'[^']*')*)?>)?/i;

const isWhole = (item) => WHOLE_DOCUMENT.test(item.slice(0, 4096));
// A library that says so is run once in a document, however many items bring it: running plotly.js takes a quarter
// of a second each time. Whole documents each have a window of their own.
const withoutRepeats = (items) => {
  const seen = new Set();
  const kept = (script, digest) => (seen.has(digest) ? "" : (seen.add(digest), script));
  return items.map((item) => (isWhole(item) ? item : item.replace(ONCE, kept)));
};
/** Put the shared bodies back into items; `bodyOf(digest)` gives the text of one, or null if it was not kept. */
export const restored = async (given, bodyOf) => {
  const items = withoutRepeats(given);
  const digests = new Set(items.flatMap((item) => Array.from(item.matchAll(REFERENCE), (found) => found[1])));
  digests.delete("-");
  const texts = new Map(await Promise.all([...digests].map(async (digest) => [digest, await bodyOf(digest)])));
  const whole = (item) =>
    item.replace(REFERENCE, (_, digest) => (digest === "-" ? "obs:shared:" : texts.get(digest) ?? ""));
  return { items: items.map(whole), missing: [...texts.values()].filter((found) => found === null).length };
};

const opening = (kind, script) => `<script data-theme="${currentTheme()}" data-kind="${kind}">${script}<` + "/script>";
const wholeDocument = (item, script) => {
  const end = HEAD.exec(item.slice(0, 16384))[0].length;
  return item.slice(0, end) + opening("document", script) + item.slice(end);
};
const quoted = (html) => html.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const innerFrame = (item, script) =>
  `<iframe class="obs-document" title="Document" sandbox="${SANDBOX}" srcdoc="${quoted(wholeDocument(item, script))}"></iframe>`;
const itemsDocument = (items, { style, script }, title) =>
  `<!doctype html><html lang="en" data-theme="${currentTheme()}"><head><meta charset="utf-8">`
  + `<title>${quoted(title).replaceAll("<", "&lt;")}</title><style>${style}</style>`
  + `${opening("items", script)}</head><body>\n`
  + items.map((item) => (isWhole(item) ? innerFrame(item, script) : item)).join("\n");
/** Tell whether items are one document that gets a screen of its own. */
export const fillsScreen = (items) => items.length === 1 && isWhole(items[0]);
/** Write the document of a frame; `parts` are the style and the script that every frame gets. */
export const documentOf = (items, parts, title) =>
  (fillsScreen(items) ? wholeDocument(items[0], parts.script) : itemsDocument(items, parts, title));
