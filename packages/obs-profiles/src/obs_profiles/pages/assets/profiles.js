// Rows that are searched, filtered and sorted; of many the first ones are shown until all are asked for.
(() => {
  const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  document.querySelectorAll(".obs-profiles").forEach((page) => {
    const list = page.querySelector(".rows");
    const search = page.querySelector(".controls input[type=search]");
    if (!list || !search || page.dataset.ready) return;
    page.dataset.ready = "yes";
    const rows = [...list.querySelectorAll(":scope > .row")];
    const only = page.querySelector(".controls input[type=checkbox]");
    const order = page.querySelector(".controls select");
    const empty = document.createElement("p");
    empty.className = "nothing";
    empty.textContent = "No such column.";
    empty.hidden = true;
    list.append(empty);
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more";
    list.after(more);
    let most = 100;
    const show = () => {
      const wanted = search.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const named = row.querySelector(".name").textContent.toLowerCase().includes(wanted);
        const wantedHere = named && !(only && only.checked && !row.classList.contains("marked"));
        shown += wantedHere;
        row.hidden = !wantedHere || shown > most;
      }
      empty.hidden = shown > 0;
      more.hidden = shown <= most;
      more.textContent = `Show all ${shown.toLocaleString("en")} columns`;
    };
    const sort = () => {
      const key = (row) => (order.value === "name" ? row.dataset.name : Number(row.dataset[order.value]));
      rows.sort((one, other) => compare(key(one), key(other)) || one.dataset.order - other.dataset.order);
      list.append(...rows, empty);
      show();
    };
    more.addEventListener("click", () => {
      most = Infinity;
      show();
    });
    for (const control of [search, only]) if (control) control.addEventListener("input", show);
    order.addEventListener("change", sort);
    show();
  });
})();
