// Tables that are sorted by a click on a head.
(() => {
  const key = (row, column) => {
    const cell = row.children[column];
    return cell.dataset.order === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.order);
  };
  const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

  document.querySelectorAll(".obs-whylogs").forEach((page) => {
    const body = page.querySelector("tbody");
    if (!body || page.dataset.ready) return;
    page.dataset.ready = "yes";
    page.querySelectorAll("thead th").forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const ascending = head.getAttribute("aria-sort") === "descending";
        const sign = ascending ? 1 : -1;
        page.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const rows = [...body.rows].sort((one, other) => sign * compare(key(one, column), key(other, column)));
        body.append(...rows);
      });
    });
  });
})();
