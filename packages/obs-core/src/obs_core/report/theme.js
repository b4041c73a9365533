// The theme is the system's until the reader switches it; the choice is kept for all pages of this origin.

import { icon } from "./elements.js";

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = () => (systemIsDark.matches ? "dark" : "light");
const keptTheme = (theme) => {
  try {
    if (theme === null) localStorage.removeItem("obs-theme");
    else if (theme) localStorage.setItem("obs-theme", theme);
    return localStorage.getItem("obs-theme");
  } catch {
    return theme ?? null;
  }
};
const themeButtons = [];
const showTheme = (button) => {
  const other = currentTheme() === "dark" ? "light" : "dark";
  button.replaceChildren(icon(other));
  button.setAttribute("aria-label", `Switch to the ${other} theme`);
  button.title = `Switch to the ${other} theme`;
};
const switchTheme = () => {
  const wanted = currentTheme() === "dark" ? "light" : "dark";
  keptTheme(wanted === systemTheme() ? null : wanted);
  applyTheme(wanted);
};
export const currentTheme = () => document.documentElement.dataset.theme;
/** Show a theme now, here and in the frames, without keeping it. */
export const applyTheme = (theme) => {
  document.documentElement.dataset.theme = theme;
  themeButtons.forEach(showTheme);
  document.dispatchEvent(new CustomEvent("obs:theme", { detail: { theme } }));
};
let told = false;
/** Show the theme of the notebook around from now on, whatever the system's is. */
export const obeyTheme = (theme) => {
  told = true;
  applyTheme(theme);
};
/** Make of a button one that switches the theme. */
export const switchesTheme = (button) => {
  button.addEventListener("click", switchTheme);
  themeButtons.push(button);
  showTheme(button);
  return button;
};
systemIsDark.addEventListener("change", () => told || keptTheme() || applyTheme(systemTheme()));
