// Decks in their frames: an empty sandboxed document is fetched, and a deck's HTML is written into it. Whatever is in
// there has an opaque origin, and the policy of that document lets nothing out.

const SANDBOX = "allow-scripts allow-popups allow-downloads";
const REFERENCE = /obs:shared:(-|[0-9a-f]{32})/g;
const WHOLE_DOCUMENT = /^\ufeff?\s*(?:<!--[^]*?-->\s*)*<(?:!doctype\s+html|html[\s>])/i;
const HEAD = /^\ufeff?(?:\s|<!--[^]*?-->)*(?:<!doctype[^>]*>)?(?:\s|<!--[^]*?-->)*(?:<html(?:[^>"']|"[^"]*"|'[^']*')*>)?\s*(?:<head(?:\s(?:[^>"']|"[^"]*"|'[^']*')*)?>)?/i;
const TALLEST = 500000;
const SILENT = 8000; // milliseconds after which a frame that does not answer is offered to be closed
const MOST_MESSAGES = 2000; // of a frame in a second
const ANSWER = `addEventListener("message", (event) => {
  if (event.source === parent && event.data && event.data.obs === "ping") parent.postMessage({ obs: "pong" }, "*");
});`;

const fetched = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.status === 404 ? "it is not there any more" : `${answer.status} ${answer.statusText}`);
  return answer;
};
const text = async (address) => (await fetched(address)).text();
export const json = async (address) => (await fetched(address)).json();

// ---- What is in every frame, and what several decks share: fetched once

let parts = null;
const frameParts = () => {
  const fetchAll = () => Promise.all(["theme.css", "frame.css", "frame.js"].map((name) => text(`/static/report/${name}`)));
  parts ??= fetchAll().then(([theme, frame, script]) => ({ style: theme + frame, script: script + ANSWER }));
  return parts;
};
const bodies = new Map();
const sharedBody = (digest) => {
  if (!bodies.has(digest)) bodies.set(digest, text(`/shared/${digest}`).catch(() => null));
  return bodies.get(digest);
};
const restored = async (items) => {
  const digests = new Set(items.flatMap((item) => Array.from(item.matchAll(REFERENCE), (found) => found[1])));
  digests.delete("-");
  const texts = new Map(await Promise.all([...digests].map(async (digest) => [digest, await sharedBody(digest)])));
  const whole = (item) =>
    item.replace(REFERENCE, (_, digest) => (digest === "-" ? "obs:shared:" : texts.get(digest) ?? ""));
  return { items: items.map(whole), missing: [...texts.values()].filter((found) => found === null).length };
};

// ---- The documents

const theme = () => document.documentElement.dataset.theme;
export const isWhole = (item) => WHOLE_DOCUMENT.test(item.slice(0, 4096));
const opening = (kind, script) => `<script data-theme="${theme()}" data-kind="${kind}">${script}<` + "/script>";
const wholeDocument = (item, { script }) => {
  const end = HEAD.exec(item.slice(0, 16384))[0].length;
  return item.slice(0, end) + opening("document", script) + item.slice(end);
};
const quoted = (html) => html.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const innerFrame = (item, shared) =>
  `<iframe class="obs-document" title="Document" sandbox="${SANDBOX}" srcdoc="${quoted(wholeDocument(item, shared))}"></iframe>`;
const itemsDocument = (items, shared) =>
  `<!doctype html><html data-theme="${theme()}"><head><meta charset="utf-8"><style>${shared.style}</style>`
  + `${opening("items", shared.script)}</head><body>\n`
  + items.map((item) => (isWhole(item) ? innerFrame(item, shared) : item)).join("\n");

// ---- The frames

const frames = new Map();
const tellTheme = (frame) => frame.contentWindow?.postMessage({ obs: "theme", theme: theme() }, "*");
const isWebAddress = (url) => {
  try {
    return /^https?:\/\//i.test(url) && Boolean(new URL(url));
  } catch {
    return false;
  }
};
const onOpen = (frame, url) => {
  // Only what somebody clicked in that very frame.
  if (document.activeElement !== frame || navigator.userActivation?.isActive === false) return;
  if (isWebAddress(url)) open(url, "_blank", "noopener,noreferrer");
};
const onScroll = (frame, top) => {
  if (document.activeElement !== frame || !Number.isFinite(top)) return;
  const strip = document.querySelector(".strip")?.offsetHeight ?? 0;
  scrollTo({ top: frame.getBoundingClientRect().top + scrollY + top - strip - 60 });
};
addEventListener("message", (event) => {
  const known = frames.get(event.source);
  const message = event.data;
  if (!known || floods(known)) return;
  known.heard = performance.now();
  known.silence?.remove();
  if (!message || typeof message !== "object") return;
  if (message.obs === "waiting") known.write();
  if (message.obs === "height") known.onHeight(message.height);
  if (message.obs === "open") onOpen(known.frame, String(message.url));
  if (message.obs === "scroll") onScroll(known.frame, message.top);
  if (message.obs === "print" && document.activeElement === known.frame) print();
});

// ---- A frame that computes without end, or floods this page: the page stays usable, and can close it

const floods = (known) => {
  const now = performance.now();
  if (now - known.second > 1000) [known.second, known.messages] = [now, 0];
  known.messages += 1;
  if (known.messages > MOST_MESSAGES) close(known, "It was closed, since it sent this page messages without end.");
  return known.messages > MOST_MESSAGES;
};
const close = (culprit, reason) => {
  // A browser may run all of them in one process: what hangs there goes away with the last of them.
  for (const [source, known] of [...frames]) {
    const panel = known.frame.parentElement;
    frames.delete(source);
    known.frame.remove();
    known.silence?.remove();
    panel?.dispatchEvent(new CustomEvent("obs:closed", { detail: { reason: known === culprit ? reason : "" } }));
  }
};
const offerToClose = (known) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Close it";
  button.addEventListener("click", () => close(known, "It was closed, since it did not answer."));
  known.silence = note("This deck does not answer: it is still computing, or will never end. ");
  known.silence.classList.add("silence");
  known.silence.append(button);
  known.frame.before(known.silence);
};
let looked = performance.now();
setInterval(() => {
  const now = performance.now();
  const slept = now - looked > 3000 || document.hidden; // this page itself was held up
  looked = now;
  for (const known of frames.values()) {
    if (slept || !known.sent || known.frame.closest(".away")) known.heard = now;
    else known.frame.contentWindow?.postMessage({ obs: "ping" }, "*");
    if (now - known.heard > SILENT && !known.silence?.isConnected) offerToClose(known);
  }
}, 1000);
/** Put a note in the place of a frame that was closed, with a way to open it again. */
export const closedNote = (panel, reason, again) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Open it again";
  button.addEventListener("click", again);
  const made = note(`${reason} `);
  made.append(button);
  panel.replaceChildren(made);
};

document.addEventListener("obs:theme", () => {
  for (const { frame } of frames.values()) tellTheme(frame);
});
const forgetRemoved = () => {
  for (const [source, { frame }] of frames) if (!frame.isConnected) frames.delete(source);
};

const note = (message) => {
  const made = document.createElement("div");
  made.className = "note";
  made.textContent = message;
  return made;
};
const missingNote = (count) =>
  note(`${count === 1 ? "A script or style" : `${count} scripts or styles`} that this deck needs `
    + `${count === 1 ? "is" : "are"} not in the store any more, so parts of it may be missing.`);

const made = (title, whole) => {
  const frame = document.createElement("iframe");
  frame.className = whole ? "frame whole arriving" : "frame arriving";
  frame.title = title;
  frame.setAttribute("sandbox", SANDBOX);
  return frame;
};

/** Show a deck in a panel. What was shown before stays until the new document has its height, so nothing jumps. */
export const show = async (panel, title, given) => {
  const [{ items, missing }, shared] = await Promise.all([restored(given), frameParts()]);
  const whole = items.length === 1 && isWhole(items[0]);
  const before = [...panel.children];
  const frame = made(title, whole);
  panel.append(frame);
  await new Promise((arrived) => {
    const settle = (height) => {
      if (Number.isFinite(height) && height > 0) {
        panel.style.setProperty("--content-height", `${Math.min(Math.ceil(height), TALLEST)}px`);
      }
      if (!frame.classList.contains("arriving")) return;
      frame.classList.remove("arriving");
      for (const child of before) child.remove();
      if (missing) panel.prepend(missingNote(missing));
      panel.removeAttribute("aria-busy");
      forgetRemoved();
      arrived();
    };
    const known = { frame, onHeight: settle, sent: false, heard: performance.now(), second: 0, messages: 0 };
    known.write = () => {
      if (known.sent) return; // a document that asks again may be another one, to which the frame was led
      known.sent = true;
      frame.contentWindow.postMessage({ document: whole ? wholeDocument(items[0], shared) : itemsDocument(items, shared) }, "*");
      setTimeout(settle, 4000); // one that never says how high it is
    };
    frames.set(frame.contentWindow, known);
    frame.src = "/frame";
  });
  tellTheme(frame);
};
