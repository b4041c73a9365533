// Small parts of every page. Names reach a page as text nodes and attributes only, never as HTML.

/**
 * Write the marks that turn the direction of text as escapes, as `in_order` in obs_core.text.controls does: a name must
 * not change the order of what is shown.
 */
export const inOrder = (text) =>
  text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
const SHOWN_ATTRIBUTES = new Set(["title", "aria-label"]);
const asShown = (child) => (typeof child === "string" ? inOrder(child) : child);
/** Make an element; attributes that begin with "on" are listeners, those that are null or false are left out. */
export const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) {
      made.setAttribute(name, value === true ? "" : SHOWN_ATTRIBUTES.has(name) ? inOrder(String(value)) : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== "").map(asShown));
  return made;
};
export const icon = (name) => {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("class", `icon icon-${name}`);
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#obs-${name}`);
  drawing.append(use);
  return drawing;
};
/** Return the part of a text that is to be typed: what follows "type:", or all of it. */
export const commandIn = (text) => text.split("type: ").at(-1);
export const note = (...children) => element("div", { class: "note" }, icon("warning"), element("div", {}, ...children));
export const counted = (count, one, many) => (count === 1 ? `1 ${one}` : `${count.toLocaleString("en")} ${many}`);
