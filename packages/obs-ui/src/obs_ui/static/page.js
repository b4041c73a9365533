// What every page does: theme, times in the reader's zone, durations that run, parts that follow what happens.

const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const useIcon = (button, name) => button.querySelector("use")?.setAttribute("href", `#obs-${name}`);

// ---- Theme

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
const themeButton = document.querySelector(".bar .theme");
const applyTheme = (theme) => {
  root.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  useIcon(themeButton, other);
  themeButton.setAttribute("aria-label", `Switch to the ${other} theme`);
  themeButton.title = `Switch to the ${other} theme`;
  document.dispatchEvent(new CustomEvent("obs:theme", { detail: { theme } }));
};
themeButton.addEventListener("click", () => {
  const wanted = root.dataset.theme === "dark" ? "light" : "dark";
  keptTheme(wanted === systemTheme() ? null : wanted);
  applyTheme(wanted);
});
systemIsDark.addEventListener("change", () => keptTheme() || applyTheme(systemTheme()));
themeButton.hidden = false;
applyTheme(root.dataset.theme);

// ---- Times

const MOMENT = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const AGO = [[86400e3, "day"], [3600e3, "hour"], [60e3, "minute"], [1e3, "second"]];
const ago = (time) => {
  const past = time - Date.now();
  const [size, unit] = AGO.find(([each]) => Math.abs(past) >= each) ?? AGO[3];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(past / size), unit);
};
const writeTimes = (within) => {
  for (const time of all("time[datetime]", within)) {
    const when = new Date(time.dateTime.replace(/(\.\d{3})\d*/, "$1"));
    if (Number.isNaN(when.getTime())) continue;
    time.textContent = MOMENT.format(when);
    time.title = `${ago(when)} · ${time.dateTime}`;
  }
};
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
const fetched = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.text();
};
// The open parts, the chosen boxes and the focus stay as the reader left them.
const keptState = (part) => ({
  open: all("details", part).map((details) => details.open),
  chosen: new Set(all("input:checked", part).map((box) => box.value)),
  focus: part.contains(document.activeElement) ? focusable(part).indexOf(document.activeElement) : -1,
});
const focusable = (part) => all("a[href], button, input, summary", part);
const restore = (part, state) => {
  all("details", part).forEach((details, index) => { details.open = state.open[index] ?? details.open; });
  for (const box of all("input[type=checkbox]", part)) box.checked = state.chosen.has(box.value);
  if (state.focus >= 0) focusable(part)[state.focus]?.focus({ preventScroll: true });
};
const latest = new Map();
const refresh = async (part) => {
  const address = new URL(location.href);
  address.searchParams.set("part", part.dataset.part);
  const html = await fetched(address);
  if (latest.get(part) === html) return;
  latest.set(part, html);
  const state = keptState(part);
  part.innerHTML = html; // our own server's template, in which every name is escaped
  restore(part, state);
  drawn(part);
};
const draw = async (place) => {
  try {
    place.innerHTML = await fetched(place.dataset.lazy);
    if (place.dataset.revealed) all(".reveal", place).forEach(revealAll);
    drawn(place);
  } catch (error) {
    place.textContent = `This cannot be shown: ${error.message}`;
  }
};

// What takes long to add up is drawn anew every few seconds only.
let lazilyDrawn = Date.now();
const redrawLazily = () => {
  if (Date.now() - lazilyDrawn < 4000) return;
  lazilyDrawn = Date.now();
  for (const lazy of all("[data-lazy]")) draw(lazy);
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
  const events = new EventSource(place.dataset.live);
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
    return;
  }
  useIcon(button, "done");
  setTimeout(() => useIcon(button, "copy"), 1500);
};
const revealAll = (button) => {
  for (const row of all("tr[hidden]", button.parentElement)) row.hidden = false;
  button.remove();
};
const choose = (form) => {
  const chosen = all("input[name=chosen]:checked", form);
  form.querySelector(".compare").disabled = chosen.length !== 2;
  form.classList.toggle("choosing", chosen.length > 0);
};
document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) copied(copy);
  const reveal = event.target.closest(".reveal");
  if (reveal) {
    reveal.closest("[data-lazy]")?.setAttribute("data-revealed", "yes");
    revealAll(reveal);
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
  const filters = event.target.closest(".filters");
  if (filters && event.target.type === "date") filters.requestSubmit();
});
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

drawn(document);
for (const part of all("[data-pending]")) refresh(part).catch(() => { offline.hidden = false; });
for (const place of all("[data-lazy]")) draw(place);
for (const place of all("[data-live]")) watch(place);
