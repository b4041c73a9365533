// An input with data-filter shows the rows of its component's table that hold every word typed.
(function () {
  if (window.obsFilter) return;
  window.obsFilter = true;

  document.addEventListener("input", function (event) {
    if (!event.target.matches || !event.target.matches("[data-filter]")) return;
    var words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    var rows = event.target.closest(".obs-r").querySelectorAll("tbody tr");
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      row.hidden = !words.every(function (word) { return text.indexOf(word) >= 0; });
    });
  });
})();
