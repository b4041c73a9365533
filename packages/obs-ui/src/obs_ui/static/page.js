// What every page does: theme, times in the reader's zone, durations that run, parts that follow what happens.

import { changes, narrowHere, part as partOf, text } from "./asking.js";
import { applyTheme, currentTheme, switchesTheme } from "./report/theme.js";

const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const useIcon = (button, name) => button.querySelector("use")?.setAttribute("href", `#obs-${name}`);

const themeButton = document.querySelector(".bar .theme");
switchesTheme(themeButton);
themeButton.hidden = false;

// ---- Times

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const DAY = { year: "numeric", month: "short", day: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit" };
const WHOLE = new Intl.DateTimeFormat(undefined, { ...DAY, ...CLOCK, second: "2-digit", timeZoneName: "short" });
const PRECISE = new Intl.DateTimeFormat(undefined, { ...DAY, ...CLOCK, second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short" });
const FORMS = { precise: PRECISE, clock: new Intl.DateTimeFormat(undefined, { ...CLOCK, second: "2-digit" }) };
const THIS_YEAR = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", ...CLOCK });
const EARLIER = new Intl.DateTimeFormat(undefined, DAY);
const ago = (when) => {
  const seconds = Math.round((Date.now() - when) / 1000);
  if (seconds < -5 || seconds >= 86400) {
    return (when.getFullYear() === new Date().getFullYear() ? THIS_YEAR : EARLIER).format(when);
  }
  if (seconds < 60) return seconds < 5 ? "just now" : `${seconds} s ago`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
};
const writeTime = (time) => {
  const when = new Date(time.dateTime.replace(/(\.\d{3})\d*/, "$1"));
  if (Number.isNaN(when.getTime())) return;
  const { form } = time.dataset;
  const text = form === "short" && !onPaper ? ago(when) : (FORMS[form] ?? WHOLE).format(when);
  if (time.textContent === text) return;
  time.textContent = text;
  const utc = `${when.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  time.title = form === "short" ? `${WHOLE.format(when)} · ${utc}` : `${ago(when)} · ${utc}`;
};
let onPaper = false; // where "4 min ago" would soon be wrong, and what a script draws would be pale
let themeOnScreen = currentTheme();
addEventListener("beforeprint", () => {
  onPaper = true;
  writeTimes(document);
  themeOnScreen = currentTheme();
  applyTheme("light");
});
addEventListener("afterprint", () => {
  onPaper = false;
  writeTimes(document);
  applyTheme(themeOnScreen);
});
const writeTimes = (within) => {
  for (const time of all("time[datetime]", within)) writeTime(time);
  // "52 min ago to 52 min ago" is one moment, as far as that tells.
  for (const range of all(".range", within)) {
    const [first, last] = all("time", range);
    range.lastElementChild.hidden = first.textContent === last.textContent;
  }
};
setInterval(() => writeTimes(document), 15e3);
// Days are the reader's too: the server is told by which zone.
const nameZone = () => {
  for (const place of all("[data-zone-name]")) place.textContent = ZONE;
  for (const input of all("input[data-zone]")) input.value = ZONE === "UTC" ? "" : ZONE;
};
const daysAreGiven = () => all(".filters input[type=date]").some((input) => input.value);
const written = (milliseconds) => {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours === 0) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
};
const runDurations = () => {
  root.style.setProperty("--turn", `${(Math.floor(Date.now() / 1000) % 8) * 45}deg`);
  for (const shown of all("[data-since]")) shown.textContent = written(Date.now() - Number(shown.dataset.since));
};
setInterval(runDurations, 1000);

// ---- Parts of the page that the server writes anew

const drawn = (within) => {
  writeTimes(within);
  runDurations();
  document.dispatchEvent(new CustomEvent("obs:drawn", { detail: { within } }));
};
// The open parts, the chosen boxes and the focus stay as the reader left them.
const keptState = (part) => ({
  above: all(".said", part).filter((lines) => lines.scrollTop + lines.clientHeight < lines.scrollHeight - 30).map((lines) => lines.scrollTop)[0],
  open: all("details", part).map((details) => details.open),
  chosen: new Set(all("input:checked", part).map((box) => box.value)),
  focus: part.contains(document.activeElement) ? focusable(part).indexOf(document.activeElement) : -1,
});
const focusable = (part) => all("a[href], button, input, summary", part);
const restore = (part, state) => {
  all("details", part).forEach((details, index) => { details.open = state.open[index] ?? details.open; });
  for (const box of all("input[type=checkbox]", part)) box.checked = state.chosen.has(box.value);
  if (part.dataset.revealed) all(".reveal", part).forEach(revealAll);
  for (const number of (part.dataset.unfolded ?? "").split(" ").filter(Boolean)) unfoldRows(part, number);
  if (state.focus >= 0) focusable(part)[state.focus]?.focus({ preventScroll: true });
};
const latest = new Map();
// What is replaced while a button is held down on it would get no click.
let pressed = null;
const waiting = new Set();
addEventListener("pointerdown", (event) => { pressed = event.target; }, true);
const release = () => setTimeout(() => {
  pressed = null;
  for (const part of [...waiting]) (part.dataset.lazy ? draw : refresh)(part);
  waiting.clear();
});
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, release, true);
const question = () => location.pathname + location.search; // what follows the # says which span is open
let asked = 0;
const shown = new Map(); // of which question each part shows the answer: an earlier one may be answered later
const isLatest = (part, number) => number >= (shown.get(part) ?? 0) && shown.set(part, number);
const refresh = async (part) => {
  const number = ++asked;
  const place = question();
  const html = await partOf(part.dataset.part);
  if (place === question() && isLatest(part, number)) replace(part, html); // else something else is asked for meanwhile
};
const replace = (part, html) => {
  if (latest.get(part) === html) return;
  if (part.contains(pressed)) {
    waiting.add(part);
    return;
  }
  latest.set(part, html);
  const state = keptState(part);
  part.innerHTML = html; // our own server's template, in which every name is escaped
  restore(part, state);
  // A list of lines stays at its end, unless the reader has scrolled up.
  for (const lines of all(".said", part)) lines.scrollTop = state.above ?? lines.scrollHeight;
  drawn(part);
};
const draw = async (place) => {
  const number = ++asked;
  try {
    const html = await text(place.dataset.lazy);
    if (isLatest(place, number)) replace(place, html);
  } catch (error) {
    latest.delete(place);
    place.textContent = `This cannot be shown: ${error.message}`;
  }
};

// What takes long to add up is drawn anew less often: at most a tenth of the time, and once more after the last change.
const [OFTENEST, RAREST] = [500, 4000];
let lazilyDrawn = Date.now();
let lazyCost = 0;
let drawsLazily = 0;
const redrawLazily = () => {
  const pause = Math.min(Math.max(OFTENEST, 10 * lazyCost), RAREST);
  drawsLazily ||= setTimeout(async () => {
    drawsLazily = 0;
    lazilyDrawn = Date.now();
    await Promise.all(all("[data-lazy]").map(draw));
    lazyCost = Date.now() - lazilyDrawn;
  }, Math.max(0, lazilyDrawn + pause - Date.now()));
};

// ---- What is live

const offline = document.querySelector(".offline");
let asking = false;
let again = false;
const follow = async () => {
  if (asking) return void (again = true);
  asking = true;
  do {
    again = false;
    try {
      await Promise.all(all("[data-part]").map(refresh));
      redrawLazily();
      document.dispatchEvent(new CustomEvent("obs:changed"));
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
    // What changes many times a second is drawn twice a second.
    await new Promise((resolve) => setTimeout(resolve, 500));
  } while (again);
  asking = false;
};
const watch = (place) => {
  const events = changes(place.dataset.live);
  if (!events) return;
  events.addEventListener("changed", () => { if (!document.hidden) follow(); else missed = true; });
  events.addEventListener("ended", () => {
    events.close();
    follow();
    for (const lazy of all("[data-lazy]")) draw(lazy);
  });
  events.addEventListener("error", () => { offline.hidden = events.readyState === EventSource.OPEN; });
  events.addEventListener("open", () => { offline.hidden = true; });
};
let missed = false;
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !missed) return;
  missed = false;
  follow();
});

// ---- Small things

const copied = async (button) => {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // A page that came without TLS from another machine may not use the clipboard; the old command works there.
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    field.className = "away";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  useIcon(button, "done");
  setTimeout(() => useIcon(button, "copy"), 1500);
};
const revealAll = (button) => {
  for (const row of all("tr[hidden]:not([data-fold])", button.parentElement)) row.hidden = false;
  button.remove();
};
const unfoldRows = (within, number) => {
  for (const row of all(`tr[data-fold="${number}"]`, within)) row.hidden = false;
  within.querySelector(`[data-unfold="${number}"]`)?.closest("tr").remove();
};
const choose = (form) => {
  const chosen = all("input[name=chosen]:checked", form);
  const button = form.querySelector(".compare");
  if (!button) return;
  button.disabled = chosen.length < 2;
  button.textContent = chosen.length > 2 ? `Metrics of the ${chosen.length} chosen` : "Compare the two chosen";
  form.classList.toggle("choosing", chosen.length > 0);
};
document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) copied(copy);
  const reveal = event.target.closest(".reveal");
  if (reveal) {
    reveal.closest("[data-lazy], [data-part]")?.setAttribute("data-revealed", "yes");
    revealAll(reveal);
  }
  const unfold = event.target.closest("[data-unfold]");
  if (unfold) {
    const table = unfold.closest("table");
    const part = table.closest("[data-part]");
    if (part) part.dataset.unfolded = `${part.dataset.unfolded ?? ""} ${unfold.dataset.unfold}`;
    unfoldRows(table, unfold.dataset.unfold);
  }
  const menu = event.target.closest(".menu");
  if (menu) {
    const open = document.getElementById(menu.getAttribute("aria-controls")).classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
  }
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("#comparing");
  if (form) choose(form);
});

// ---- The list answers while one types

const filters = document.querySelector("form.filters");
const narrow = () => {
  const address = new URL(filters.action);
  for (const [name, value] of new FormData(filters)) if (value.trim() || name === "name") address.searchParams.set(name, value);
  if (!address.searchParams.has("since") && !address.searchParams.has("until")) address.searchParams.delete("zone");
  if (address.href === location.href) return;
  history.replaceState(null, "", address);
  if (narrowHere) return narrowHere(address.searchParams);
  for (const part of all("[data-part]")) refresh(part).then(() => { offline.hidden = true; }, () => { offline.hidden = false; });
};
let typing = 0;
filters?.addEventListener("input", (event) => {
  if (event.target.type === "date") nameZone();
  clearTimeout(typing);
  typing = setTimeout(narrow, 150);
});
filters?.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  narrow();
});
// What was typed before this script was there is not lost.
const wasTyped = (field) => field.matches("input:not([type=hidden])") && field.value !== field.defaultValue;
if ([...(filters?.elements ?? [])].some(wasTyped)) typing = setTimeout(narrow, 0);
document.addEventListener("obs:filled", ({ detail }) => writeTimes(detail));
document.addEventListener("obs:drawn", () => {
  const form = document.getElementById("comparing");
  if (form) choose(form);
});
document.addEventListener("keydown", (event) => {
  const search = document.querySelector(".filters input[type=search]");
  if (event.key === "/" && search && !event.target.closest("input, textarea")) {
    event.preventDefault();
    search.focus();
  }
});

narrowHere?.(new URL(location.href).searchParams);
if (!daysAreGiven()) nameZone(); // those of an address that somebody sent are of the sender's zone
drawn(document);
for (const part of all("[data-pending]")) {
  refresh(part).then(() => part.removeAttribute("data-pending"), () => { offline.hidden = false; });
}
for (const place of all("[data-lazy]")) draw(place);
for (const place of all("[data-live]")) watch(place);
