// Buttons with data-kind show only the columns of that kind.
(function () {
  if (window.obsProfile) return;
  window.obsProfile = true;

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-kind]");
    if (!button) return;
    var chosen = button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.kind;
    var root = button.closest(".obs-r");
    root.querySelectorAll("[data-kind]").forEach(function (other) {
      other.setAttribute("aria-pressed", String(other.dataset.kind === chosen));
    });
    root.querySelectorAll("[data-kinds]").forEach(function (card) {
      card.hidden = chosen !== "" && card.dataset.kinds.split(" ").indexOf(chosen) < 0;
    });
  });
})();
