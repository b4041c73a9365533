// Buttons with data-copy="class" copy the text of the element of that class beside them.
(function () {
  if (window.obsCopy) return;
  window.obsCopy = true;

  function byCommand(text) {
    // A sandboxed frame may not use navigator.clipboard; the old command works there.
    var area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;top:0;opacity:0";
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    return done;
  }

  function say(button, done) {
    var label = button.textContent;
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    button.disabled = true;
    setTimeout(function () { button.textContent = label; button.disabled = false; }, 1600);
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-copy]");
    if (!button) return;
    var root = button.closest(".obs-r");
    var source = root.querySelector(button.dataset.copy === "code" ? "pre > code" : "." + button.dataset.copy);
    say(button, byCommand(source.textContent));
  });
})();
