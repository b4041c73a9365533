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
    const heads = [...page.querySelectorAll(".heads button")];
    let turn = 1; // -1 after a second click on the head by which rows are sorted
    const sort = () => {
      const key = (row) => (order.value === "name" ? row.dataset.name : Number(row.dataset[order.value]));
      rows.sort((one, other) => turn * compare(key(one), key(other)) || one.dataset.order - other.dataset.order);
      for (const head of heads) {
        head.removeAttribute("data-sorted");
        const isName = order.value === "name"; // numbers begin with the largest, names with the first
        if (head.dataset.by === order.value) head.dataset.sorted = (turn > 0) === isName ? "up" : "down";
        head.setAttribute("aria-pressed", String(head.dataset.by === order.value));
      }
      list.append(...rows, empty);
      show();
    };
    more.addEventListener("click", () => {
      most = Infinity;
      show();
    });
    for (const control of [search, only]) if (control) control.addEventListener("input", show);
    order.addEventListener("change", () => {
      turn = 1;
      sort();
    });
    for (const head of heads) {
      head.addEventListener("click", () => {
        turn = order.value === head.dataset.by ? -turn : 1;
        order.value = head.dataset.by;
        sort();
      });
    }
    show();
  });
})();
