// Decks in sandboxed frames. What is in there has an opaque origin, reaches nothing, and is believed nothing: a message
// from it can say how high it is, and can make this page ask the reader something.

import { counted, element, icon, note } from "./elements.js";
import { ALLOWED, SANDBOX, documentOf, fillsScreen } from "./documents.js";
import { applyTheme, currentTheme } from "./theme.js";

const TALLEST = 500000; // pixels
const LONGEST_ADDRESS = 8000;
const READABLE_AFTER = 600; // milliseconds: who clicks fast in a deck must not hit what has just come up
const SILENT = 8000; // milliseconds after which a frame that does not answer is offered to be closed
const SILENT_ANEW = 2000; // the same for one that has loaded what says nothing: not the document that it was given
const MOST_MESSAGES = 2000; // of a frame in a second
const MOST_TAKEN = 3; // times that a frame out of sight took the focus
const MOST_SENT = 1e6; // characters and bytes of a frame in a second; a file to save is handed over, not copied

const frames = new Map();
const tellTheme = (frame) => frame.contentWindow?.postMessage({ obs: "theme", theme: currentTheme() }, "*");
document.addEventListener("obs:theme", () => {
  for (const { frame } of frames.values()) tellTheme(frame);
});
const forgetRemoved = () => {
  for (const [source, { frame }] of frames) if (!frame.isConnected) frames.delete(source);
};
export const isWebAddress = (url) => {
  try {
    return /^https?:\/\//i.test(url) && Boolean(new URL(url));
  } catch {
    return false;
  }
};

// Whoever writes to this page: a deck's frame, or one that a deck made inside of it. One that has been removed since
// belongs to nobody, and whoever is not in this page is no deck.
const nobody = { second: 0, messages: 0, size: 0 };
const senderOf = (source) => {
  for (let each = source; each; each = each.parent) {
    if (frames.has(each)) return frames.get(each);
    if (each === each.parent) return null;
  }
  return nobody;
};
const isTooMuch = ({ source, data }) => {
  const sender = senderOf(source);
  return sender !== null && floods(sender, data);
};
addEventListener("messageerror", isTooMuch);
addEventListener("message", (event) => {
  if (isTooMuch(event)) return;
  const known = frames.get(event.source);
  if (!known) return;
  const message = event.data;
  known.heard = performance.now();
  known.isEmpty ||= known.sent && message?.obs === "waiting"; // led to the page that waits for a document
  if (!known.isEmpty) known.silence?.remove();
  if (!message || typeof message !== "object") return;
  if (message.obs === "waiting") known.onWaiting?.();
  if (message.obs === "loaded") known.unsaid -= 1;
  if (message.obs === "height") known.onHeight(message.height);
  if (message.obs === "measured") known.onMeasured?.();
  if (message.obs === "on-paper") known.onPaper?.();
  if (message.obs === "rehearsed") known.rehearsed = { width: Number(message.width), height: Number(message.height) };
  if (message.obs === "may-print") rehearse();
  if (message.obs === "open") onOpen(known, String(message.url));
  if (message.obs === "scroll") onScroll(known, message.top);
  if (message.obs === "save") onSave(known, String(message.name), message.content);
});

// ---- What a deck asks for. Nothing a frame says or does is the reader's consent (a script can take the focus, and
// the click that opened the tab still counts as one here): only a click on this bar, which is this page's own, is.

const ask = ({ frame }, question, label, grant) => {
  // Spares readers a bar when they did nothing in the deck.
  if (document.activeElement !== frame || navigator.userActivation?.isActive === false) return;
  for (const before of document.querySelectorAll(".asked")) before.remove();
  const answer = (event, granted) => {
    if (!event.isTrusted) return;
    bar.remove();
    if (granted) grant();
  };
  const yes = element("button", { type: "button", disabled: true, onclick: (event) => answer(event, true) }, label);
  const no = element("button", { type: "button", onclick: (event) => answer(event, false) }, "No");
  const bar = element("div", { class: "asked", role: "group", "aria-label": "This deck asks", "aria-live": "polite" },
    icon("outward"), element("div", {}, ...question), yes, no);
  frame.after(bar);
  setTimeout(() => { yes.disabled = false; }, READABLE_AFTER);
};
const onOpen = (known, given) => {
  const isMail = /^mailto:/i.test(given);
  if (given.length > LONGEST_ADDRESS || !(isMail || isWebAddress(given))) return;
  const url = new URL(given);
  ask(known, ["This deck wants to open ", element("strong", {}, isMail ? "your mail program" : url.host), ": ",
    element("code", {}, url.href)], "Open", () => open(url.href, "_blank", "noopener,noreferrer"));
};
const onScroll = (known, top) => {
  if (!Number.isFinite(top)) return;
  ask(known, ["This deck wants to scroll to another place in it."], "Scroll there", () => {
    const strip = document.querySelector(".task:not(.away) > .strip, .task:not(.away) .decks > .strip");
    const covered = strip ? strip.offsetHeight + (Number.parseInt(getComputedStyle(strip).top, 10) || 0) : 0;
    scrollTo({ top: known.frame.getBoundingClientRect().top + scrollY + top - covered - 8 });
  });
};
const onSave = (known, given, content) => {
  if (!(content instanceof Blob)) return;
  const name = given.replace(/[\p{Cc}\p{Cf}\\/]+/gu, "_").slice(-120) || "download";
  const size = content.size < 1e6 ? `${Math.ceil(content.size / 1e3)} kB` : `${(content.size / 1e6).toFixed(1)} MB`;
  ask(known, ["This deck wants to save a file: ", element("code", {}, element("bdi", {}, name)), `, ${size}`], "Save", () => {
    // Of no type that a browser would show: as a page of its own it would have this page's origin.
    const address = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
    element("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60e3);
  });
};

// ---- A frame that computes without end, or floods this page: the page stays usable, and can close it

// In bytes, roughly, and no further than what is too much: a message may be nested, or hold itself.
const sizeOf = (message) => {
  const parts = [message];
  let size = 0;
  while (parts.length && size <= MOST_SENT) {
    const part = parts.pop();
    const isList = Array.isArray(part);
    size += 8;
    if (typeof part === "string") size += part.length;
    else if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) size += part.byteLength;
    else if (isList && part.length * 8 > MOST_SENT) size = Infinity;
    else if (isList || Object.prototype.toString.call(part) === "[object Object]") {
      for (const key in part) parts.push(part[key], isList ? null : key);
    } else if (typeof part === "bigint" || (part && typeof part === "object" && !(part instanceof Blob || part instanceof Date))) {
      size = Infinity; // of any size, and nothing that a deck has to say
    }
  }
  return size;
};
const floods = (sender, message) => {
  const now = performance.now();
  if (now - sender.second > 1000) [sender.second, sender.messages, sender.size] = [now, 0, 0];
  sender.messages += 1;
  if (sender.messages <= MOST_MESSAGES) sender.size += sizeOf(message);
  const tooMuch = sender.messages > MOST_MESSAGES || sender.size > MOST_SENT;
  if (tooMuch) close(sender, "It was closed because it flooded this page with messages.");
  return tooMuch;
};
// All are closed; the culprit says why, or each if it may be any.
const close = (culprit, reason) => {
  // A browser may run all of them in one process: what hangs there goes away with the last of them.
  for (const [source, known] of [...frames]) {
    const panel = known.frame.parentElement;
    frames.delete(source);
    known.frame.remove();
    known.silence?.remove();
    known.onClosed();
    panel?.dispatchEvent(new CustomEvent("obs:closed", { detail: { reason: culprit === nobody || known === culprit ? reason : "" } }));
  }
};
const offer = (known, text, label, reason) => {
  known.silence = note(`${text} `);
  known.silence.classList.add("silence");
  known.silence.append(element("button", { type: "button", onclick: () => close(known, reason) }, label));
  known.frame.before(known.silence);
};
const offerToClose = (known) =>
  offer(known, "This deck does not answer: it is still computing, or will never finish.", "Close it",
    "It was closed because it did not answer.");
const offerToReturn = (known) =>
  offer(known, "This deck has led its frame elsewhere: what is below is not what was recorded.", "Show it again", "");
// A document that computes as soon as it is loaded has said before that it is; its word may come before or after.
const isElsewhere = ({ isEmpty, unsaid, loaded, heard }, now) =>
  isEmpty || (unsaid > 0 && heard < loaded && now - loaded > SILENT_ANEW);
// Nothing keeps a frame that is out of sight from taking the focus, and with it what is typed: it is taken back.
let focused = null;
addEventListener("focusin", ({ target }) => { if (target.localName !== "iframe") focused = target; });
const takeFocusBack = () => {
  const known = [...frames.values()].find(({ frame }) => frame === document.activeElement && frame.closest(".away"));
  if (!known) return;
  known.frame.blur();
  focus();
  focused?.focus({ preventScroll: true });
  known.taken += 1;
  if (known.taken === MOST_TAKEN) close(known, "It was closed because it took the focus while another tab was open.");
};
addEventListener("blur", () => setTimeout(takeFocusBack));
let looked = performance.now();
setInterval(() => {
  takeFocusBack();
  const now = performance.now();
  const slept = now - looked > 3000 || document.hidden; // this page itself was held up
  looked = now;
  for (const known of frames.values()) {
    if (slept || known.frame.closest(".away")) known.heard = now;
    else known.frame.contentWindow?.postMessage({ obs: "ping" }, "*");
    if (known.silence?.isConnected) continue;
    if (isElsewhere(known, now)) offerToReturn(known);
    else if (now - known.heard > SILENT) offerToClose(known);
  }
}, 1000);
/** Put a note in the place of a frame that was closed, with a way to open it again. */
export const closedNote = (panel, reason, again) => {
  const made = note(`${reason} `);
  made.append(element("button", { type: "button", onclick: again }, "Open it again"));
  replaceContent(panel, made);
};

// ---- Showing

/** Put something in the place of all that a panel shows. */
export const replaceContent = (panel, ...children) => {
  for (const child of [...panel.children]) if (!child.matches(".in-print")) child.remove();
  panel.append(...children);
};
const missingNote = (count) =>
  note(`${counted(count, "script or style", "scripts or styles")} that this deck needs `
    + `${count === 1 ? "was" : "were"} not kept, so parts of it may be missing.`);
// A frame that has its size before it has its document: a chart drawn at once must not find a width of 0. A browser draws
// no frame of a notebook that is out of sight: what is to be printed must be there all the same.
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
const laidOut = () => (parent === self ? drawn() : Promise.race([drawn(), pause(250)]));

/**
 * Show a deck in a panel. What was shown before stays until the new document has its height, so nothing jumps.
 *
 * `parts` are the style and script of every frame; `begin(known, html)` hands the document over to `known.frame`.
 * Returns whether it is shown: false if it was closed before it could be.
 */
export const show = async (panel, title, { items, missing }, parts, begin) => {
  const whole = fillsScreen(items);
  const before = [...panel.children].filter((child) => !child.matches(".in-print"));
  const frame = element("iframe", {
    class: whole ? "frame whole arriving" : "frame arriving", title, sandbox: SANDBOX, allow: ALLOWED,
  });
  panel.append(frame);
  await laidOut();
  return new Promise((resolve) => {
    const known = {
      frame, sent: false, isEmpty: false, loaded: 0, unsaid: 0, heard: performance.now(),
      second: 0, messages: 0, size: 0, taken: 0,
    };
    known.onHeight = (height) => {
      if (Number.isFinite(height) && height > 0) {
        panel.style.setProperty("--content-height", `${Math.min(Math.ceil(height), TALLEST)}px`);
      }
      if (!frame.classList.contains("arriving")) return;
      frame.classList.remove("arriving");
      for (const child of before) child.remove();
      if (missing) frame.before(missingNote(missing));
      panel.removeAttribute("aria-busy");
      forgetRemoved();
      tellTheme(frame);
      resolve(true);
    };
    frame.addEventListener("load", () => {
      known.loaded = performance.now();
      known.unsaid += 1;
    });
    known.onSent = () => {
      known.sent = true;
      setTimeout(known.onHeight, 4000); // one that never says how high it is
    };
    known.onClosed = () => resolve(false);
    frames.set(frame.contentWindow, known);
    begin(known, documentOf(items, parts, title));
  });
};

// ---- Paper. The button and Ctrl+P lay the page out as paper first: rules for paper hold, the frames are as wide as a
// sheet, and what they hold is asked to leave the ends of sheets free. Printed by the browser's menu there is no time for
// that: frames keep their width, are scaled down, and lay out what they hold at once, if they were asked before how high
// that will be: when the reader left the page or pressed a key that opens a menu.

const PAPER_WIDTH = 700; // pixels, of each of these papers between its margins
const PAPERS = {
  a4: { page: "size: 595pt 842pt; margin: 37pt 35pt", height: 1024 },
  letter: { page: "size: 612pt 792pt; margin: 36pt 43.5pt", height: 960 },
};
const LETTER_LANDS = new Set(["US", "CA", "MX", "PH", "CL", "CO", "VE", "CR", "GT", "PA", "DO", "PR", "SV", "NI"]);
const LONGEST_WAIT = 60e3; // milliseconds
const paper = () => {
  try {
    return LETTER_LANDS.has(new Intl.Locale(navigator.language).region) ? PAPERS.letter : PAPERS.a4;
  } catch {
    return PAPERS.a4;
  }
};
// As long as a frame answers pings, its answer is waited for: on a busy machine it may take long.
const asked = async (known, question, answer) => {
  let answered = false;
  known[answer] = () => { answered = true; };
  known.frame.contentWindow?.postMessage(question, "*");
  const began = performance.now();
  const goesOn = () => known.frame.isConnected && performance.now() - Math.max(known.heard, began) < SILENT
    && performance.now() - began < LONGEST_WAIT;
  while (!answered && goesOn()) await pause(20);
};
// How high a sheet is in a frame's own pixels, and how much of the first one is taken above it.
const placeOnPaper = (frame, height) => {
  const { top, width } = frame.getBoundingClientRect();
  const scale = width / frame.offsetWidth;
  return { sheet: height / scale, first: (Math.max(0, top + scrollY) % height) / scale };
};
const layOut = async (known, height) => {
  const { frame } = known;
  const width = frame.offsetWidth;
  // Somebody else's page may still be moving.
  const settles = frame.classList.contains("whole") ? 1000 : 0;
  await asked(known, { obs: "paper", width, ...placeOnPaper(frame, height), settles }, "onPaper");
  await asked(known, { obs: "measure", width }, "onMeasured");
};
// A deck that was chosen just now may still be on its way; one that never comes holds up nobody for long.
const openedAll = async () => {
  for (let round = 0; round < 200 && document.querySelector(".panel:not(.away)[aria-busy]"); round += 1) await pause(50);
};
const printRules = (rules, found = []) => {
  for (const rule of rules) {
    if (rule.media?.mediaText === "print") found.push(rule.media);
    else if (rule.cssRules) printRules(rule.cssRules, found);
  }
  return found;
};
const scaleToPaper = () => {
  for (const { frame } of frames.values()) {
    const { style } = frame.parentElement;
    style.setProperty("--print-width", `${frame.offsetWidth}px`);
    style.setProperty("--print-scale", String(Math.min(1, PAPER_WIDTH / frame.offsetWidth)));
  }
};
// A sheet of rules, and not an element with them: the UI's pages take no inline style. Gives what takes it away again.
const setPaper = () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`@page { ${paper().page} }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return () => { document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet); };
};
const printedFrames = () => [...frames.values()].filter(({ frame }) => frame.offsetParent && !frame.closest(".away"));
// Where frames will stand on paper is measured under the rules for paper, which are gone again before anything is drawn.
const onPaper = (measure) => {
  const rules = [...document.styleSheets].flatMap((sheet) => printRules(sheet.cssRules));
  const [left, top] = [scrollX, scrollY];
  scaleToPaper();
  document.documentElement.classList.add("for-paper");
  for (const rule of rules) rule.mediaText = "all";
  try {
    return measure();
  } finally {
    for (const rule of rules) rule.mediaText = "print";
    document.documentElement.classList.remove("for-paper");
    scrollTo({ left, top, behavior: "instant" });
  }
};
const BETWEEN_REHEARSALS = 1000; // milliseconds
let rehearsedAt = -Infinity;
const rehearse = () => {
  const now = performance.now();
  if (printing || printedByMenu || document.documentElement.classList.contains("for-paper")) return;
  if (now - rehearsedAt < BETWEEN_REHEARSALS) return;
  rehearsedAt = now;
  const { height } = paper();
  const places = onPaper(() => printedFrames().map(({ frame }) => ({ frame, ...placeOnPaper(frame, height) })));
  for (const { frame, sheet, first } of places) frame.contentWindow?.postMessage({ obs: "rehearse", sheet, first }, "*");
};
// Who clicks into a frame has not left the page.
addEventListener("blur", () => { if (document.activeElement?.localName !== "iframe") rehearse(); });
addEventListener("keydown", ({ key }) => { if (/^(Control|Meta|Alt|F10)$/.test(key)) rehearse(); });
document.documentElement.addEventListener("mouseleave", () => rehearse());
let printedByMenu = null;
addEventListener("beforeprint", () => {
  scaleToPaper();
  if (document.documentElement.classList.contains("for-paper")) return;
  const unsetPaper = setPaper();
  const given = [];
  for (const { frame, rehearsed } of printedFrames()) {
    const { style } = frame.parentElement;
    const shown = style.getPropertyValue("--content-height");
    if (!rehearsed?.height || rehearsed.width !== frame.offsetWidth) continue;
    given.push(() => style.setProperty("--content-height", shown));
    style.setProperty("--content-height", `${Math.min(TALLEST, Math.max(rehearsed.height, Number.parseFloat(shown) || 0))}px`);
  }
  printedByMenu = () => {
    printedByMenu = null;
    unsetPaper();
    for (const each of given) each();
  };
});
addEventListener("afterprint", () => printedByMenu?.());
// A browser may say that it has printed before it has taken the frames, which run in processes of their own: what was laid
// out for paper stays so until the reader is back at the page.
const BACK = ["focus", "pointermove", "pointerover", "pointerdown", "wheel", "keydown", "keyup"];
const LONGEST_ON_PAPER = 10e3; // milliseconds, after it said so
let toScreen = () => {};
const layOutPage = () => {
  const root = document.documentElement;
  const theme = currentTheme();
  const { height } = paper();
  const rules = [...document.styleSheets].flatMap((sheet) => printRules(sheet.cssRules));
  const unsetPaper = setPaper();
  const [left, top] = [scrollX, scrollY];
  const listening = new AbortController();
  toScreen = () => {
    toScreen = () => {};
    listening.abort();
    root.classList.remove("for-paper");
    for (const rule of rules) rule.mediaText = "print";
    unsetPaper();
    for (const { frame } of frames.values()) frame.contentWindow?.postMessage({ obs: "screen" }, "*");
    applyTheme(theme);
    scrollTo(left, top);
  };
  addEventListener("afterprint", () => {
    for (const event of BACK) addEventListener(event, () => toScreen(), { signal: listening.signal });
    setTimeout(() => listening.signal.aborted || toScreen(), LONGEST_ON_PAPER);
  }, { signal: listening.signal });
  scaleToPaper();
  root.classList.add("for-paper");
  for (const rule of rules) rule.mediaText = "all";
  // A page of somebody else's is made for a screen: it keeps its width, and is scaled down.
  for (const { frame } of frames.values()) {
    if (!frame.classList.contains("whole")) frame.parentElement.style.removeProperty("--print-width");
  }
  applyTheme("light");
  scaleToPaper();
  return height;
};
let printing = false;
/** Print the page, laid out for paper. */
export const printWell = async () => {
  if (printing) return;
  printing = true;
  try {
    await openedAll();
    toScreen();
    const height = layOutPage();
    for (const known of printedFrames()) await layOut(known, height);
    print();
  } finally {
    printing = false;
  }
};
addEventListener("keydown", (event) => {
  if (event.key !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  event.preventDefault();
  printWell();
});
