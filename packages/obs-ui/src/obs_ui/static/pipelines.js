// The list of pipelines: searched, narrowed to what needs attention, and sorted, here in the page.

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const search = document.querySelector("[data-search]");
const wish = { attention: "", sort: "", down: true };
const BY_TEXT = "name";

const value = (row) => (wish.sort === BY_TEXT ? row.dataset.name : Number(row.dataset[wish.sort]));
const inOrder = (left, right) => {
  const [a, b] = [value(left), value(right)];
  return (a < b ? -1 : a > b ? 1 : 0) * (wish.down ? -1 : 1);
};
const arrange = () => {
  const table = document.querySelector(".pipelines");
  if (!table) return;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = all("tbody tr", table);
  if (wish.sort) table.tBodies[0].append(...rows.sort(inOrder));
  for (const row of rows) {
    row.hidden = !words.every((word) => row.dataset.name.includes(word)) || (wish.attention && !row.dataset.attention.split(" ").includes(wish.attention));
  }
  document.querySelector(".none").hidden = rows.some((row) => !row.hidden);
  for (const button of all("button[data-attention]")) button.setAttribute("aria-pressed", String(button.dataset.attention === wish.attention));
  for (const head of all("th[data-sort]", table)) {
    const here = head.dataset.sort === wish.sort;
    head.toggleAttribute("aria-sort", here);
    if (here) head.setAttribute("aria-sort", wish.down ? "descending" : "ascending");
    head.querySelector(".arrow").textContent = here ? (wish.down ? "↓" : "↑") : "";
  }
};
document.addEventListener("click", (event) => {
  const narrowing = event.target.closest("button[data-attention]");
  const head = event.target.closest("th[data-sort]");
  if (narrowing) wish.attention = narrowing.dataset.attention;
  else if (head) {
    const first = head.dataset.sort !== BY_TEXT;
    wish.down = wish.sort === head.dataset.sort ? !wish.down : first;
    wish.sort = head.dataset.sort;
  } else return;
  arrange();
});
search.addEventListener("input", arrange);
document.addEventListener("obs:drawn", arrange);
arrange();
