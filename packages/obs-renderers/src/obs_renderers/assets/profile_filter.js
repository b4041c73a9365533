// Buttons with data-kind show only the columns of that kind; an input with data-names those whose names hold the words.
(function () {
  if (window.obsProfile) return;
  window.obsProfile = true;

  function show(root) {
    var pressed = root.querySelector('[data-kind][aria-pressed="true"]'), input = root.querySelector("[data-names]");
    var words = input ? input.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    root.querySelectorAll("[data-kinds]").forEach(function (card) {
      var kind = !pressed || card.dataset.kinds.split(" ").indexOf(pressed.dataset.kind) >= 0;
      var name = words.length ? card.querySelector("h3").title.toLowerCase() : "";
      card.hidden = !kind || !words.every(function (word) { return name.indexOf(word) >= 0; });
    });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-kind]");
    if (!button) return;
    var chosen = button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.kind;
    var root = button.closest(".obs-r");
    root.querySelectorAll("[data-kind]").forEach(function (other) {
      other.setAttribute("aria-pressed", String(other.dataset.kind === chosen));
    });
    show(root);
  });

  document.addEventListener("input", function (event) {
    if (event.target.matches && event.target.matches("[data-names]")) show(event.target.closest(".obs-r"));
  });
})();
