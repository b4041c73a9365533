// How a page of a site of plain files gets what it shows: from what stands in it, and from scripts beside it, since a page
// that was opened from disk may load nothing else. Has the names of the UI's own asking.js.

const ROOT = new URL(document.documentElement.dataset.root, location.href);
const held = JSON.parse(document.getElementById("obs-answers")?.textContent ?? "{}");
const answers = new Map(Object.entries(held.answers ?? {}));
const files = new Map(Object.entries(held.files ?? {}));
const spans = held.spans ?? null;

let read = null; // what the script that runs just now hands over
globalThis.obsFile = (content) => { read = content; };
const loads = new Map();
const load = (name) => {
  if (!loads.has(name)) {
    loads.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(name, ROOT);
      script.addEventListener("load", () => {
        script.remove();
        try {
          resolve(JSON.parse(read));
        } catch (error) {
          reject(error);
        }
      });
      script.addEventListener("error", () => {
        script.remove();
        loads.delete(name);
        reject(new Error("its file is not there"));
      });
      document.head.append(script);
    }));
  }
  return loads.get(name);
};

// How much of a window is wanted matters to a server only.
const OF_A_SERVER = ["axis", "from", "to", "width", "lane", "lanes"];
const keyOf = (address) => {
  const [path, query] = String(address).split("?");
  const given = new URLSearchParams(query);
  for (const name of OF_A_SERVER) given.delete(name);
  return `${given}` ? `${path}?${given}` : path;
};
const NO_SPAN = "<p class='aside'>What is known of this span is not part of this site, which holds the tasks, the failed and "
  + "the longest spans of an execution.</p><button type='button' class='quiet' data-close aria-label='Close'>Close</button>";
const spanOf = async (span) => {
  const chunk = spans.at[span];
  return chunk === undefined ? NO_SPAN : (await load(`${spans.files}${chunk}.js`))[span];
};
const answer = async (address) => {
  const key = keyOf(address);
  if (answers.has(key)) return answers.get(key);
  const span = spans && /\/spans\/([^/]+)$/.exec(key);
  if (span) return spanOf(decodeURIComponent(span[1]));
  if (!files.has(key)) throw new Error("it is not part of this site");
  return load(files.get(key));
};

export const text = answer;
export const json = answer;
export const part = (name) => answer(`part/${name}`);
export const sharedBody = (digest) => load(`shared/${digest}.js`);
export const reportFile = async (name) => (await load("static/frames.js"))[name];
export const frameAddress = new URL("static/frame.html", ROOT).href;
export const changes = () => null;
export const decksStandAlone = false;

// ---- The list: all rows stand in it, and those are shown that the address asks for

const ROWS_SHOWN = 200;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const listed = answers.get("list");
const byId = new Map((listed ?? []).map((row) => [row.id, row]));
const rows = () => all(".executions tbody").map((body) => [body, byId.get(body.dataset.id)]);
const midnight = (day, later = 0) => {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).getTime();
};
const isTagged = (row, tag) => {
  const parts = tag.split("=");
  const splits = parts.slice(1).map((_, at) => [parts.slice(0, at + 1), parts.slice(at + 1)].map((some) => some.join("=").trim()));
  // A name may hold "=" itself, and then any of them may be what stands before the value.
  const isSo = ([name, value]) => (splits.length ? splits.some(([key, has]) => key.trim() === name && has.trim() === value) : name.trim() === tag.trim());
  return row.tags.some(isSo);
};
const conditions = (given) => {
  const words = (given.get("text") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const [verdict, tag, since, until] = ["verdict", "tag", "since", "until"].map((name) => given.get(name));
  const named = given.get("name");
  return (row) => (named === null || row.name === named) && words.every((word) => row.text.includes(word) || (word.includes("=") && row.text.includes(word.replace("=", "\n")))) && (!verdict || row.verdict === verdict)
    && (!tag || isTagged(row, tag)) && (!since || row.at >= midnight(since)) && (!until || row.at < midnight(until, 1));
};
const ORDERS = { started: (row) => row.id, duration: (row) => row.duration, name: (row) => `${row.name.toLowerCase()} ${row.id}` };
const VALUES = ["last", "least", "greatest"];
// The metric that a list is sorted by, and a row's value of it; null where it is sorted by something else.
const metricOf = (sort) => {
  const [, value, name] = /^-?(\w+):([^]+)$/.exec(sort) ?? [];
  return VALUES.includes(value) ? { name, of: (row) => row.metrics[name]?.[VALUES.indexOf(value)] ?? null } : null;
};
const inOrder = (sort) => {
  const key = metricOf(sort)?.of ?? ORDERS[sort.replace("-", "")] ?? ORDERS.started;
  const turn = sort.startsWith("-") ? -1 : 1;
  const order = (left, right) => (left < right ? -1 : left > right ? 1 : 0);
  return ([, left], [, right]) => turn * (order(key(left), key(right)) || order(left.id, right.id));
};
// Links of the list keep what else is asked for, as those of a server do.
const writeLinks = (given) => {
  for (const link of all(".executions .tags a")) link.dataset.wish ??= new URL(link.href).search.slice(1);
  for (const link of all("[data-wish]")) {
    const wishes = new URLSearchParams(given);
    for (const [name, value] of new URLSearchParams(link.dataset.wish)) {
      if (value) wishes.set(name, value);
      else wishes.delete(name);
    }
    link.href = `?${wishes}`;
  }
};
const markSort = (sort) => {
  const down = sort.startsWith("-");
  for (const head of all(".executions th")) head.removeAttribute("aria-sort");
  for (const place of all("[data-sort]")) {
    const by = place.dataset.sort;
    const here = by === sort.replace(/^-/, "");
    if (here) place.closest("th").setAttribute("aria-sort", down ? "descending" : "ascending");
    place.querySelector(".arrow").textContent = here ? (down ? "↓" : "↑") : "";
    const other = here ? (down ? by : `-${by}`) : by === "name" ? by : `-${by}`;
    place.querySelector("a").dataset.wish = `${new URLSearchParams({ sort: other === "-started" ? "" : other })}`;
  }
};
const markChoices = (given, found) => {
  const count = (status) => found.filter(([, row]) => !status || row.status === status).length;
  for (const link of all(".choices a[data-wish]")) {
    const [[name, value]] = new URLSearchParams(link.dataset.wish);
    if (name === "status") {
      link.toggleAttribute("aria-current", (given.get("status") ?? "") === value);
      if ((given.get("status") ?? "") === value) link.setAttribute("aria-current", "true");
      link.querySelector(".how-many").textContent = count(value).toLocaleString("en");
    } else {
      const here = given.get("verdict") === link.dataset.verdict;
      link.toggleAttribute("aria-current", here);
      if (here) link.setAttribute("aria-current", "true");
      link.dataset.wish = `verdict=${here ? "" : link.dataset.verdict}`;
    }
  }
};
const fillForm = (given) => {
  const named = document.querySelector("[data-of-name]");
  named.disabled = !given.has("name");
  named.value = given.get("name") ?? "";
  const said = document.querySelector(".only-named");
  said.hidden = named.disabled;
  said.querySelector("bdi").textContent = named.value || "Untitled";
  for (const input of all(".filters input[name]")) {
    if (input.type !== "hidden" && document.activeElement !== input) input.value = given.get(input.name) ?? "";
  }
};
const narrow = (given) => {
  fillForm(given);
  const isWanted = conditions(given);
  const metric = metricOf(given.get("sort") ?? "");
  const found = rows().filter(([, row]) => isWanted(row) && (!metric || metric.of(row) !== null));
  const status = given.get("status");
  const shown = found.filter(([, row]) => !status || row.status === status).sort(inOrder(given.get("sort") || "-started"));
  const table = document.querySelector(".executions");
  for (const [body] of rows()) body.hidden = true;
  shown.forEach(([body], index) => {
    table.append(body);
    body.hidden = index >= ROWS_SHOWN;
  });
  const none = document.querySelector(".none");
  none.hidden = shown.length > 0;
  const [since, until] = [given.get("since"), given.get("until")];
  none.querySelector("p").textContent = since && until && since > until
    ? `No day is from ${since} on and not after ${until}: the days are the wrong way round.` : "No execution matches.";
  const more = document.querySelector(".more-rows");
  more.hidden = shown.length <= ROWS_SHOWN;
  more.textContent = `Show all ${shown.length.toLocaleString("en")}`;
  more.onclick = () => {
    for (const [body] of shown) body.hidden = false;
    more.hidden = true;
  };
  const measured = document.querySelector(".only-measured");
  measured.hidden = !metric;
  measured.querySelector("bdi").textContent = metric?.name ?? "";
  const clear = document.querySelector(".clear");
  clear.dataset.wish = `name=&text=&status=&verdict=&tag=&since=&until=${metric ? "&sort=" : ""}`;
  clear.hidden = !metric && !given.has("name") && !["text", "status", "verdict", "tag", "since", "until"].some((name) => given.get(name));
  markSort(given.get("sort") || "-started");
  markChoices(given, found);
  writeLinks(given);
};
export const narrowHere = listed ? narrow : null;
