// Altair charts in the page's colours, also when the reader turns it dark or prints it: what is drawn names the colours
// as the style does, so nothing is drawn anew, for which a browser that prints does not wait.
window.obsVega = window.obsVega || (function () {
  "use strict";

  function config(root) {
    var fg = "var(--r-fg)", muted = "var(--r-muted)", line = "var(--r-line)";
    return {
      background: "transparent", font: getComputedStyle(root).fontFamily, padding: 4, mark: { color: "var(--r-c1)" },
      range: { category: [1, 2, 3, 4, 5, 6].map(function (k) { return "var(--r-c" + k + ")"; }) },
      axis: { labelColor: muted, titleColor: fg, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: 500,
        labelFontSize: 12, titleFontSize: 13 },
      legend: { labelColor: fg, titleColor: fg, labelFontSize: 12 }, title: { color: fg }, header: { labelColor: fg, titleColor: fg },
      view: { stroke: null }
    };
  }

  return function (root) {
    var spec = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    // Altair gives each chart a fixed size of its own; unless the user chose one, the page's width is better.
    var view = spec.config && spec.config.view;
    if (view && Object.keys(spec.config).length === 1) delete spec.config;
    var composed = spec.hconcat || spec.vconcat || spec.concat || spec.facet || spec.repeat;
    if (spec.width === undefined && !composed) spec.width = "container";
    var plot = document.createElement("div");
    plot.className = "plot";
    root.appendChild(plot);
    window.vegaEmbed(plot, spec, { config: config(root), actions: false, renderer: "svg" })
      .catch(function (error) { plot.textContent = String(error); });
  };
})();
