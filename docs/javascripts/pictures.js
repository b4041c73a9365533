// A <picture> follows the system's theme. Here it follows the reader's choice, as the page does.
(function () {
  const chosen = () => {
    const dark = document.body.dataset.mdColorScheme === "slate";
    for (const source of document.querySelectorAll("picture source[data-dark], picture source[media*='dark']")) {
      source.dataset.dark = "";
      source.media = dark ? "all" : "not all";
    }
  };
  chosen();
  new MutationObserver(chosen).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
})();
