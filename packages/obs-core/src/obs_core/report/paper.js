// Runs in the document of each tab, after frame.js. A browser prints a frame as one long picture and cuts that wherever
// a sheet ends. So that no cut goes through a card, a chart, a row or a line of text, what stands across the end of a
// sheet is moved to the next one, before the page around prints.
(() => {
  const TIME = 6000; // milliseconds: a document of very many sheets is laid out as far as that suffices
  const SHORT_TIME = 250; // the same while a reader may still be reading
  const MOST_TRIES = 3; // of them, where the short time did not suffice
  const SMALLEST = 0.4; // what is wider than paper is made smaller, but still to be read
  const SMALL = 0.6; // lines of text rather go on in the next line
  const WHOLE = "svg, img, canvas, video, iframe, object, button, input, select, textarea, figure, h1, h2, h3, h4, h5, h6";
  const BOXES = "div, section, article, table, pre, figure, ul";
  const LINE = 48; // pixels: no higher than this is a line under a heading
  const HEADING_ROOM = 72; // pixels: with less than this below it, a heading goes to where its text goes
  const CLEAR = 2; // pixels left at the head of a sheet, whose ends are not whole pixels in every browser
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

  // ---- All that is changed for paper is changed back for the screen.

  let undo = [];
  const toScreen = () => {
    for (const each of undo.reverse()) each();
    undo = [];
  };
  // What draws only the rows in view is told: on paper nobody scrolls.
  const tell = (where) => document.dispatchEvent(new CustomEvent(`obs:${where}`));
  const style = (element, name, value) => {
    const [before, weight] = [element.style.getPropertyValue(name), element.style.getPropertyPriority(name)];
    element.style.setProperty(name, value, "important");
    undo.push(() => {
      if (before) element.style.setProperty(name, before, weight);
      else element.style.removeProperty(name);
      if (!element.getAttribute("style")) element.removeAttribute("style");
    });
  };
  const insert = (made, before) => {
    before.parentNode.insertBefore(made, before);
    undo.push(() => made.remove());
    return made;
  };
  // Rules for paper hold while it is laid out, so that what is measured is what is printed.
  const turn = (media) => {
    const before = media.mediaText;
    if (!/print|screen/.test(before)) return;
    media.mediaText = before.replace(/\bprint\b/g, "all").replace(/\bscreen\b/g, "not all");
    undo.push(() => { media.mediaText = before; });
  };
  const turnRules = (rules) => {
    for (const rule of rules) {
      if (rule.media) turn(rule.media);
      if (rule.cssRules) turnRules(rule.cssRules);
    }
  };
  const turnStyles = () => {
    for (const sheet of document.styleSheets) {
      turn(sheet.media);
      turnRules(sheet.cssRules);
    }
  };

  const numberOf = (length) => Number.parseFloat(length) || 0;
  const fitWidth = () => {
    const end = innerWidth - numberOf(getComputedStyle(document.body).paddingRight);
    const shares = new Map();
    for (const element of document.body.querySelectorAll(BOXES)) {
      const { overflowX, position } = getComputedStyle(element);
      if (/absolute|fixed/.test(position)) continue; // what a script puts somewhere is as wide as what it is put in
      if (element.parentElement.closest('[role="table"]')) continue; // cells are made smaller with their table
      const { left, right } = element.getBoundingClientRect();
      const scrolls = /auto|scroll/.test(overflowX);
      const needed = Math.max(right - left, scrolls ? element.scrollWidth : 0);
      const room = Math.min(right, end) - left;
      if (room > 0 && needed > room + 1) shares.set(element, { share: room / needed, limit: left + room });
    }
    const cut = [];
    for (const [element, { share, limit }] of shares) {
      // The innermost: what is around it then is as wide as it should be.
      if (![...element.querySelectorAll(BOXES)].some((inner) => shares.has(inner))) {
        if (element.localName === "pre" && share < SMALL) style(element, "white-space", "pre-wrap");
        else style(element, "zoom", String(Math.max(SMALLEST, share)));
        if (element.localName !== "pre" && share < SMALLEST) cut.push([element, lostBeyond(element, limit)]);
      }
    }
    for (const [element, told] of cut) if (told) tellOfCut(element, told);
  };
  // What does not fit on a sheet is missing there: whoever reads it on paper is told.
  const lostBeyond = (element, limit) => {
    const rows = [...element.querySelectorAll("tr, [role='row']")].slice(0, 9); // heads of several levels have long cells
    if (!rows.length) return "What lies farther to the right";
    const cells = rows.reduce((most, row) => (row.children.length > most.children.length ? row : most)).children;
    const lost = [...cells].filter((cell) => cell.getBoundingClientRect().right > limit + 1).length;
    return lost && (lost > 1 ? `The last ${lost.toLocaleString("en-US")} columns` : "The last column");
  };
  const tellOfCut = (element, told) => {
    let whole = element; // not within a box that scrolls, or lays out what is in it
    while (whole.parentElement !== document.body && whole.parentElement.children.length === 1) whole = whole.parentElement;
    const note = insert(document.createElement("p"), whole);
    note.textContent = `${told} ${/columns$/.test(told) ? "do" : "does"} not fit on paper.`;
    note.style.cssText = "margin: 0 0 6px; font: 12.5px/1.5 var(--obs-font, sans-serif); color: var(--obs-warn, #8a5a00)";
  };

  // ---- Sheets. `sheet` is the height of one, and `first` how much of the first one is taken above this document.

  // Gives the inner frames that stand across the end of a sheet, for the caller to ask, and goes on once they have answered.
  function* layOut(sheet, first, ends) {
    const sheetAt = (y) => Math.floor((y + first) / sheet);
    const startAfter = (y) => (sheetAt(y) + 1) * sheet - first + CLEAR;
    const boxOf = (node) => {
      const { top, bottom } = node.getBoundingClientRect();
      return { top: top + scrollY, bottom: bottom + scrollY, height: bottom - top };
    };
    const isCut = ({ top, bottom, height }) => height > 1 && sheetAt(top + 0.5) !== sheetAt(bottom - 0.5);

    const moveRow = (row, start) => {
      const gap = document.createElement("tr");
      gap.innerHTML = "<td colspan='1000' style='padding:0;border:0'></td>";
      insert(gap, row);
      gap.firstChild.style.height = `${start - boxOf(gap).top}px`;
      const head = row.parentNode.matches("tbody") && row.closest("table").tHead;
      if (head && head.offsetHeight < sheet / 4) for (const each of head.rows) insert(each.cloneNode(true), row);
    };
    const moveBlock = (element, start) => {
      // Two rounds, since a margin may be lost in another one, or add to one that it was lost in.
      for (let round = 0; round < 2; round += 1) {
        const missing = (start - boxOf(element).top) / (element.currentCSSZoom ?? 1);
        if (Math.abs(missing) > 0.5) style(element, "margin-top", `${numberOf(getComputedStyle(element).marginTop) + missing}px`);
      }
    };
    const move = (elements, start) => {
      for (const element of elements) (element.matches("tr") ? moveRow : moveBlock)(element, start);
    };

    const layText = (text) => {
      const range = document.createRange();
      range.selectNodeContents(text);
      const cut = (each) => isCut({ top: each.top + scrollY, bottom: each.bottom + scrollY, height: each.height });
      const line = [...range.getClientRects()].find(cut);
      if (!line) return;
      let [low, high] = [0, text.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        range.setStart(text, middle);
        range.setEnd(text, middle + 1);
        const { top, height } = range.getBoundingClientRect();
        if (height && top >= line.top - 1) high = middle;
        else low = middle + 1;
      }
      const rest = low ? text.splitText(low) : text;
      if (low) undo.push(() => text.parentNode?.normalize());
      const gap = insert(document.createElement("span"), rest);
      gap.style.display = "block";
      gap.style.height = `${startAfter(line.top + scrollY + 0.5) - boxOf(gap).top}px`;
      if (performance.now() < ends) layText(rest);
    };

    // What stands side by side moves together.
    const bandsOf = (children) => {
      const bands = [];
      for (const child of children) {
        const box = boxOf(child);
        if (!box.height || /absolute|fixed/.test(getComputedStyle(child).position)) continue;
        const last = bands.at(-1);
        if (!last || box.top >= last.bottom - 1) bands.push({ elements: [child], ...box });
        else {
          last.elements.push(child);
          last.bottom = Math.max(last.bottom, box.bottom);
          last.height = last.bottom - last.top;
        }
      }
      return bands;
    };
    const isWhole = (element, height) => {
      if (height < sheet / 4) return true;
      const { breakInside, borderTopWidth, borderBottomWidth } = getComputedStyle(element);
      if (element.matches(WHOLE) || element.localName === "tr" || breakInside.startsWith("avoid")) return true;
      return height < sheet / 2 && numberOf(borderTopWidth) > 0 && numberOf(borderBottomWidth) > 0;
    };
    const isHeading = (element) => /^h[1-6]$/.test(element.localName) || element.matches(".bar, .facts, caption");
    // A heading, and a line under it, go along with what they stand over.
    const withHeading = (band, before) => {
      const above = before.slice(-2).reverse();
      const count = above.findIndex(({ elements }) => elements.every(isHeading)) + 1;
      const begins = above[count - 1];
      if (!begins || (count === 2 && above[0].height > LINE)) return band;
      const top = Math.min(...begins.elements.map((each) => boxOf(each).top));
      return band.bottom - top <= sheet && sheetAt(top + 0.5) === sheetAt(band.top + 0.5) ? { ...begins, top } : band;
    };
    const isKept = ({ elements, height }) => {
      if (height > sheet) return false;
      return elements.some((each) => isWhole(each, height)) || (elements.length > 1 && height < sheet / 2);
    };
    function* layBand(band, before) {
      const next = startAfter(band.top + 0.5);
      if (band.elements.some(isHeading) && next - band.bottom < HEADING_ROOM) return move(band.elements, next);
      if (!isCut(band)) return;
      if (isKept(band)) return move(withHeading(band, before).elements, next);
      for (const each of band.elements) {
        if (each.matches("iframe.obs-document")) yield { frame: each, sheet, first: (boxOf(each).top + first) % sheet };
        else if (!each.matches(WHOLE)) yield* lay(each);
      }
    }
    function* lay(element) {
      for (const text of [...element.childNodes]) if (text.nodeType === 3 && text.data.trim()) layText(text);
      const bands = bandsOf([...element.children]);
      for (let index = 0; index < bands.length && performance.now() < ends; index += 1) {
        // Where they are now: what stands above may have moved.
        const { elements } = bands[index];
        const boxes = elements.map(boxOf);
        const top = Math.min(...boxes.map((each) => each.top));
        const bottom = Math.max(...boxes.map((each) => each.bottom));
        yield* layBand({ elements, top, bottom, height: bottom - top }, bands.slice(0, index));
      }
    }
    yield* lay(document.body);
  }
  const layInner = async ({ frame, sheet, first }) => {
    const answer = new Promise((resolve) => {
      const onMessage = ({ source, data }) => {
        if (source !== frame.contentWindow || data?.obs !== "on-paper") return;
        removeEventListener("message", onMessage);
        resolve(Number(data.height));
      };
      addEventListener("message", onMessage);
    });
    frame.contentWindow.postMessage({ obs: "paper", width: frame.clientWidth, sheet, first }, "*");
    undo.push(() => frame.contentWindow?.postMessage({ obs: "screen" }, "*"));
    const height = await Promise.race([answer, pause(TIME)]);
    if (height > 0) style(frame, "height", `${height + 2}px`);
  };

  // ---- What the page around asks for

  const heightOf = () => Math.ceil(document.documentElement.getBoundingClientRect().height);
  const takePaper = () => {
    toScreen();
    turnStyles();
    style(document.documentElement, "print-color-adjust", "exact"); // or bars lose their colour
  };
  const toPaper = async ({ width, sheet, first, settles = 0 }) => {
    rehearsed = null;
    takePaper();
    while (innerWidth !== width) await pause(20); // it may arrive later than the question
    tell("paper");
    undo.push(() => tell("screen"));
    await pause(Math.min(settles, TIME));
    // A chart that draws itself anew for its new width takes a moment.
    for (let before = -1, round = 0; round < 20 && before !== heightOf(); round += 1) {
      before = heightOf();
      await pause(60);
    }
    fitWidth();
    for (const inner of layOut(sheet, first, performance.now() + TIME)) await layInner(inner);
    parent.postMessage({ obs: "on-paper", height: heightOf() }, "*");
  };

  // ---- Printed by the browser's menu, a document hears of it at the last moment, and can ask nobody anything. The page
  // around must know by then how high this will be: so it is laid out and put back when the reader may be on the way to
  // that menu, before anything is drawn of it. What is more than a short time's work is not: it is printed as it is.

  let rehearsed = null;
  const toPaperAtOnce = ({ sheet, first }, time) => {
    const ends = performance.now() + time;
    takePaper();
    tell("paper");
    undo.push(() => tell("screen"));
    fitWidth();
    for (const _ of layOut(sheet, first, ends)); // inner frames cannot answer now
    return performance.now() < ends ? heightOf() : 0;
  };
  const scrolled = () => {
    const places = [...document.querySelectorAll("*")].filter((each) => each.scrollTop || each.scrollLeft);
    return places.map((each) => [each, each.scrollLeft, each.scrollTop]);
  };
  const rehearse = ({ sheet, first }) => {
    // What the reader has chosen must stay so, and what is laid out already needs no rehearsal.
    if (undo.length || !getSelection().isCollapsed) return;
    const onScreen = [innerWidth, heightOf(), sheet, first].join();
    const tries = rehearsed?.onScreen === onScreen ? rehearsed.tries : 0;
    // What ran out of time may have met a machine that was busy for a moment.
    if (!tries || (!rehearsed.height && tries < MOST_TRIES)) {
      const places = scrolled();
      const height = toPaperAtOnce({ sheet, first }, SHORT_TIME);
      toScreen();
      for (const [each, left, top] of places) each.scrollTo({ left, top, behavior: "instant" });
      rehearsed = { onScreen, width: innerWidth, sheet, first, height, tries: tries + 1 };
    }
    parent.postMessage({ obs: "rehearsed", width: rehearsed.width, height: rehearsed.height }, "*");
  };
  let printedAtOnce = false;
  addEventListener("beforeprint", () => {
    if (undo.length || !rehearsed?.height || rehearsed.width !== innerWidth) return;
    printedAtOnce = true;
    // It has changed since: more than there is room for would be lost.
    const height = toPaperAtOnce(rehearsed, TIME);
    if (!height || height > rehearsed.height) toScreen();
  });
  addEventListener("afterprint", () => {
    if (printedAtOnce) toScreen();
    printedAtOnce = false;
  });
  const tellOfMenu = () => parent.postMessage({ obs: "may-print" }, "*");
  addEventListener("keydown", ({ key }) => { if (/^(Control|Meta|Alt|F10)$/.test(key)) tellOfMenu(); });
  addEventListener("blur", tellOfMenu);

  addEventListener("message", ({ source, data }) => {
    if (source !== parent || !data) return;
    if (data.obs === "paper") toPaper(data);
    if (data.obs === "screen") toScreen();
    if (data.obs === "rehearse") rehearse(data);
  });
})();
