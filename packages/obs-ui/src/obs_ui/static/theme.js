// Before anything is drawn.
(function (root) {
  var theme;
  try { theme = localStorage.getItem("obs-theme"); } catch (error) { theme = null; }
  if (theme !== "light" && theme !== "dark") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  root.setAttribute("data-theme", theme);
})(document.documentElement);
