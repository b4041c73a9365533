// Tables that are sorted by a click on a head and searched by the names of their rows.
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
    const search = page.querySelector("input[type=search]");
    const only = page.querySelector("input[type=checkbox]");
    const show = () => {
      const wanted = search.value.trim().toLowerCase();
      for (const row of body.rows) {
        const named = row.cells[0].textContent.toLowerCase().includes(wanted);
        row.hidden = !named || Boolean(only && only.checked && !row.classList.contains("drifted"));
      }
    };
    for (const control of [search, only]) if (control) control.addEventListener("input", show);
  });
})();
