"use strict";
// Runs first in the document of each tab, and in each whole document that a tab holds.
(() => {
  const self = document.currentScript;
  const root = document.documentElement;
  const ownsTheme = !root.hasAttribute("data-theme") || self.dataset.kind === "items";
  const documents = () => [...document.querySelectorAll("iframe.obs-document")];
  const tellParent = (message) => parent.postMessage(message, "*");
  let theme = self.dataset.theme;
  self.remove();

  addEventListener("load", () => tellParent({ obs: "loaded" }));

  // An opaque origin has no storage, and a document that only asks for it would die of that.
  const storageInMemory = () => {
    const kept = new Map();
    const storage = {
      getItem: (key) => (kept.has(String(key)) ? kept.get(String(key)) : null),
      setItem: (key, value) => void kept.set(String(key), String(value)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
      key: (index) => [...kept.keys()][index] ?? null,
      get length() { return kept.size; },
    };
    return new Proxy(storage, {
      get: (target, key) => (key in target || typeof key === "symbol" ? target[key] : kept.get(key)),
      set: (_, key, value) => { kept.set(String(key), String(value)); return true; },
      has: (target, key) => key in target || kept.has(key),
      deleteProperty: (_, key) => { kept.delete(key); return true; },
      ownKeys: () => [...kept.keys()],
      getOwnPropertyDescriptor: (_, key) =>
        kept.has(key) ? { value: kept.get(key), writable: true, enumerable: true, configurable: true } : undefined,
    });
  };
  const provide = (owner, name, descriptor) => {
    try {
      void owner[name];
    } catch {
      Object.defineProperty(owner, name, { configurable: true, ...descriptor });
    }
  };
  provide(window, "localStorage", { value: storageInMemory() });
  provide(window, "sessionStorage", { value: storageInMemory() });
  provide(document, "cookie", { get: () => "", set: () => {} });

  // The only way to the network that a Content-Security-Policy does not close.
  delete window.RTCPeerConnection;
  delete window.webkitRTCPeerConnection;

  const applyTheme = (wanted) => {
    if (wanted !== "light" && wanted !== "dark") return;
    const changed = wanted !== theme;
    theme = wanted;
    if (ownsTheme) root.setAttribute("data-theme", theme);
    for (const inner of documents()) inner.contentWindow.postMessage({ obs: "theme", theme }, "*");
    if (changed) document.dispatchEvent(new CustomEvent("obs:theme", { detail: { theme } }));
  };
  if (ownsTheme) root.setAttribute("data-theme", theme);
  // Paper is white: what is drawn by a script, not by a style, is drawn again for it before the browser looks.
  let onScreen = null;
  addEventListener("beforeprint", () => {
    onScreen = theme;
    applyTheme("light");
  });
  addEventListener("afterprint", () => {
    if (onScreen) applyTheme(onScreen);
    onScreen = null;
  });

  // Moments of obs's own are of the reader's zone, as in the page around; those of the user's data stay as they are.
  const writeMoment = (made) => {
    const when = new Date(made.dateTime);
    if (Number.isNaN(when.getTime())) return;
    const digits = Number(made.dataset.obsMoment);
    const fraction = digits > 0 && digits < 4 ? { fractionalSecondDigits: digits } : {};
    made.title = made.textContent;
    made.textContent = new Intl.DateTimeFormat(undefined, {
      year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", ...fraction,
      timeZoneName: "short",
    }).format(when);
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("time[data-obs-moment]").forEach(writeMoment));

  // The frame is made as high as the content. Content measured in the frame's height (100vh) would then grow for ever:
  // what grows just after the frame did, with nothing changed in the document, is measured once more and then left.
  let sent = 0;
  let width = innerWidth;
  let stretchedAt = -Infinity;
  let changedSince = true;
  let settling = null;
  let settled = false;
  let slowEnds = 0;
  const MOST_SLOW_ENDS = 3;
  const contentHeight = () => {
    const scroller = document.scrollingElement || root;
    const scrollbar = Math.max(0, innerHeight - root.clientHeight);
    const hidden = scroller.scrollHeight > innerHeight ? scroller.scrollHeight : 0;
    const needed = Math.max(root.getBoundingClientRect().height, hidden);
    return Math.ceil(needed) + (scroller.scrollWidth > scroller.clientWidth ? scrollbar : 0);
  };
  const send = (height) => {
    sent = height;
    tellParent({ obs: "height", height });
  };
  const settle = () => {
    settling = null;
    settled = true;
    send(contentHeight());
  };
  const measure = () => {
    if (document.readyState === "loading") return;
    const height = contentHeight();
    if (height === sent) return;
    const echo = height > sent && !changedSince && performance.now() - stretchedAt < 250;
    if (!echo) return send(height);
    if (!settled && settling === null) settling = setTimeout(settle, 400);
  };
  const noteChange = () => {
    changedSince = true;
    settled = false;
    slowEnds = 0;
  };
  // What opens slowly, by a transition, may have grown on since it was measured for the last time: on a busy machine.
  const onSlowEnd = () => {
    if (!settled || slowEnds >= MOST_SLOW_ENDS) return;
    slowEnds += 1;
    settled = false;
    measure();
  };
  const onResize = () => {
    if (innerWidth !== width) return void ((width = innerWidth), noteChange());
    stretchedAt = performance.now();
    changedSince = false;
  };
  // Of a frame that is out of sight, in a notebook, no change of size is told: what was changed may have made it higher.
  let measuring = null;
  const onChange = () => {
    noteChange();
    measuring ??= setTimeout(() => {
      measuring = null;
      measure();
    }, 200);
  };
  const watch = () => {
    new MutationObserver(onChange).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const sizes = new ResizeObserver(measure);
    sizes.observe(root);
    sizes.observe(document.body);
    measure();
  };
  addEventListener("resize", onResize);
  document.addEventListener("toggle", noteChange, true);
  for (const kind of ["transitionend", "animationend"]) document.addEventListener(kind, onSlowEnd, true);
  document.addEventListener("DOMContentLoaded", watch);
  addEventListener("load", measure);
  document.addEventListener("load", (event) => {
    noteChange();
    if (event.target.matches?.("iframe.obs-document")) applyTheme(theme);
    measure();
  }, true);

  // The new width may arrive later than the question.
  const measureAt = (wanted) => {
    if (innerWidth !== wanted) return void setTimeout(measureAt, 20, wanted);
    send(contentHeight());
    tellParent({ obs: "measured" });
  };

  const fromDocument = (event) => documents().find((inner) => inner.contentWindow === event.source);
  const onParent = (message) => {
    if (message.obs === "ping") tellParent({ obs: "pong" });
    if (message.obs === "theme") applyTheme(message.theme);
    if (message.obs === "measure") measureAt(message.width);
  };
  const onDocument = (inner, message) => {
    if (message.obs === "height" && message.height > 0) inner.style.height = `${Math.min(message.height + 2, 200000)}px`;
    if (message.obs === "open") tellParent({ obs: "open", url: String(message.url) });
    if (message.obs === "save") tellParent({ obs: "save", name: String(message.name), content: message.content });
    if (message.obs === "scroll") tellParent({ obs: "scroll", top: inner.getBoundingClientRect().top + Number(message.top) });
  };
  addEventListener("message", (event) => {
    const message = event.data;
    if (!message || typeof message !== "object" || !message.obs) return;
    if (event.source === parent) return onParent(message);
    const inner = fromDocument(event);
    if (inner) onDocument(inner, message);
  });

  // A link must not lead the frame away from its content: addresses open in a new tab of the browser (outside the
  // sandbox, which would break the site), places in this document are scrolled to.
  const placeOf = (name) => {
    if (name === "" || name === "top") return root;
    return document.getElementById(name) ?? document.getElementsByName(name)[0];
  };
  const scrollsByItself = () => (document.scrollingElement || root).scrollHeight > innerHeight + 4;
  const scrollTo = (place) => {
    if (!place) return;
    if (scrollsByItself()) place.scrollIntoView();
    else tellParent({ obs: "scroll", top: place.getBoundingClientRect().top });
  };
  const unquoted = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const follow = (event, href) => {
    if (/^(?:javascript|data|blob):/i.test(href)) return;
    event.preventDefault();
    if (href.startsWith("#")) scrollTo(placeOf(href.slice(1)) ?? placeOf(unquoted(href.slice(1))));
    else if (/^(?:https?|mailto):/i.test(href)) tellParent({ obs: "open", url: href });
  };
  const linkOf = (event) => event.composedPath().find((node) => node.localName === "a");
  const hrefOf = (link) => link?.getAttribute("href") ?? link?.getAttribute("xlink:href");
  // A middle click opens a window without asking the sandbox; nothing in the document hears it before this does.
  addEventListener("auxclick", (event) => {
    if (event.button !== 1) return;
    event.preventDefault();
    const href = hrefOf(linkOf(event));
    if (href != null) follow(event, href.trim());
  }, true);
  addEventListener("click", (event) => {
    const link = linkOf(event);
    const href = hrefOf(link);
    if (href == null || event.defaultPrevented) return;
    if (!link.hasAttribute("download")) return follow(event, href.trim());
    event.preventDefault();
    save(link);
  });

  // A sandbox without popups and downloads would swallow these without a word; the page around asks the reader.
  const save = async (link) => {
    if (!/^(?:data|blob):/i.test(link.href)) return;
    const name = link.download;
    const content = await (await fetch(link.href)).blob();
    tellParent({ obs: "save", name, content });
  };
  const click = HTMLAnchorElement.prototype.click;
  const asksForClick = (link) => !link.isConnected && link.href;
  const clickAlone = (link) => (link.hasAttribute("download") ? save(link) : window.open(link.href));
  HTMLAnchorElement.prototype.click = function clicked() {
    if (asksForClick(this)) clickAlone(this);
    else click.call(this);
  };
  HTMLAnchorElement.prototype.dispatchEvent = function dispatched(event) {
    if (event.type !== "click" || !asksForClick(this)) return EventTarget.prototype.dispatchEvent.call(this, event);
    clickAlone(this);
    return true;
  };
  window.open = (url = "") => {
    if (/^(?:https?|mailto):/i.test(String(url).trim())) tellParent({ obs: "open", url: String(url).trim() });
    return null;
  };

  // The way back is the reader's.
  const { history } = window;
  const replace = history.replaceState.bind(history);
  const fixed = (name, value) => Object.defineProperty(History.prototype, name, { value });
  fixed("pushState", (state, title, url) => replace(state, title, url));
  for (const name of ["back", "forward", "go"]) fixed(name, () => {});
})();
