"use strict";
// Tables with data-sortable: a click on a head sorts the rows downwards by what stands below it, a second one upwards.
(() => {
  if (window.obsSorting) return;
  window.obsSorting = true;
  const collator = new Intl.Collator(undefined, { numeric: true });
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.order === undefined ? cell.textContent.trim() : Number(cell.dataset.order);
  };
  const compare = (one, other) =>
    (typeof one === "number" && typeof other === "number" ? one - other : collator.compare(one, other));
  document.addEventListener("click", ({ target }) => {
    const head = target.closest?.("table[data-sortable] > thead th:has(> button)");
    if (!head) return;
    const table = head.closest("table");
    const upwards = head.getAttribute("aria-sort") === "descending";
    const sign = upwards ? 1 : -1;
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
    const [body] = table.tBodies;
    body.append(...[...body.rows].sort((one, other) => sign * compare(keyOf(one, head.cellIndex), keyOf(other, head.cellIndex))));
  });
})();
