// Buttons with data-kind show only the columns of that kind; an input with data-names those whose names hold the words;
// a select with data-order puts them in another order. What is of the class "names" lists those that are shown, in order.
(function () {
  if (window.obsProfile) return;
  window.obsProfile = true;

  function list(root) {
    var names = root.querySelector(".names");
    if (!names) return;
    names.obsAll = names.obsAll || JSON.parse(names.textContent);
    var shown = Array.from(root.querySelectorAll("[data-kinds]:not([hidden])"));
    names.textContent = JSON.stringify(shown.map(function (card) { return names.obsAll[card.obsPlace - 1]; }));
  }

  function number(root) {
    root.querySelectorAll("[data-kinds]").forEach(function (card, place) { if (!card.obsPlace) card.obsPlace = place + 1; });
  }

  function show(root) {
    number(root);
    var pressed = root.querySelector('[data-kind][aria-pressed="true"]'), input = root.querySelector("[data-names]");
    var words = input ? input.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    root.querySelectorAll("[data-kinds]").forEach(function (card) {
      var kind = !pressed || card.dataset.kinds.split(" ").indexOf(pressed.dataset.kind) >= 0;
      var name = words.length ? card.querySelector("h3").title.toLowerCase() : "";
      card.hidden = !kind || !words.every(function (word) { return name.indexOf(word) >= 0; });
    });
    list(root);
  }

  function arrange(root, by) {
    var cards = Array.from(root.querySelectorAll("[data-kinds]"));
    if (!cards.length) return;
    number(root);
    function name(card) { return card.querySelector("h3").title; }
    function rank(card) { return Number(card.dataset[by] || 0); }
    var names = new Intl.Collator(undefined, { numeric: true });
    cards.sort(function (a, b) {
      return (by === "name" ? names.compare(name(a), name(b)) : by ? rank(b) - rank(a) : 0) || a.obsPlace - b.obsPlace;
    });
    cards[0].parentNode.append.apply(cards[0].parentNode, cards);
    list(root);
  }

  document.addEventListener("change", function (event) {
    if (event.target.matches && event.target.matches("[data-order]")) arrange(event.target.closest(".obs-r"), event.target.value);
  });

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
