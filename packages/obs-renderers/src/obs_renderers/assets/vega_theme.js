// Altair charts in the page's colours, also when the reader turns it dark.
window.obsVega = window.obsVega || (function () {
  "use strict";
  var charts = [];

  function config(root) {
    var style = getComputedStyle(root);
    function get(name) { return style.getPropertyValue(name).trim(); }
    var fg = get("--r-fg"), muted = get("--r-muted"), line = get("--r-line");
    return {
      background: "transparent", font: style.fontFamily, padding: 4, mark: { color: get("--r-c1") },
      range: { category: [1, 2, 3, 4, 5, 6].map(function (k) { return get("--r-c" + k); }) },
      axis: { labelColor: muted, titleColor: fg, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: 500,
        labelFontSize: 12, titleFontSize: 13 },
      legend: { labelColor: fg, titleColor: fg, labelFontSize: 12 }, title: { color: fg }, header: { labelColor: fg, titleColor: fg },
      view: { stroke: null }
    };
  }

  function draw(chart) {
    window.vegaEmbed(chart.plot, chart.spec, { config: config(chart.root), actions: false, renderer: "svg" })
      .catch(function (error) { chart.plot.textContent = String(error); });
  }

  function redraw() { charts.forEach(draw); }
  document.addEventListener("obs:theme", function () { setTimeout(redraw, 0); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

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
    var chart = { root: root, plot: plot, spec: spec };
    charts.push(chart);
    draw(chart);
  };
})();
