// Charts as wide as the page, in its colours, also when the reader turns it dark.
window.obsPlotly = window.obsPlotly || (function () {
  "use strict";
  var charts = [];

  function template(root) {
    var style = getComputedStyle(root);
    function get(name) { return style.getPropertyValue(name).trim(); }
    var fg = get("--r-fg"), muted = get("--r-muted"), line = get("--r-line"), ways = [1, 2, 3, 4, 5, 6].map(function (k) { return get("--r-c" + k); });
    var axis = { gridcolor: line, linecolor: line, zerolinecolor: line, zerolinewidth: 1, tickfont: { color: muted }, automargin: true };
    var polar = { bgcolor: "rgba(0,0,0,0)", angularaxis: axis, radialaxis: axis };
    var scene = { xaxis: axis, yaxis: axis, zaxis: axis };
    ["xaxis", "yaxis", "zaxis"].forEach(function (name) { scene[name] = Object.assign({ backgroundcolor: "rgba(0,0,0,0)" }, axis); });
    return { layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", colorway: ways, font: { color: fg, family: style.fontFamily, size: 13 },
      xaxis: axis, yaxis: axis, polar: polar, scene: scene, hovermode: "closest", legend: { bgcolor: "rgba(0,0,0,0)" },
      hoverlabel: { bgcolor: get("--r-surface"), bordercolor: line, font: { color: fg } }, margin: { t: 40, r: 24, b: 48, l: 56 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: muted, activecolor: get("--r-accent") },
      geo: { bgcolor: "rgba(0,0,0,0)", lakecolor: "rgba(0,0,0,0)", landcolor: get("--r-surface"), subunitcolor: line,
        coastlinecolor: muted, countrycolor: muted, framecolor: line },
      colorscale: { sequential: "Viridis" }
    } };
  }

  function layoutOf(chart) {
    var layout = JSON.parse(chart.layout);
    if (!chart.own) layout.template = template(chart.root);
    if (layout.width === undefined) layout.autosize = true;
    if (!layout.title && !chart.own) layout.margin = Object.assign({ t: 24 }, layout.margin);
    return layout;
  }

  function redraw() {
    charts.forEach(function (chart) {
      if (!chart.own) window.Plotly.react(chart.plot, chart.plot.data, layoutOf(chart), chart.config);
    });
  }

  document.addEventListener("obs:theme", redraw); // at once: a browser that prints does not wait
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  return function (root) {
    var content = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    var plot = document.createElement("div");
    plot.className = "plot";
    root.appendChild(plot);
    var chart = { root: root, plot: plot, own: content.own, layout: JSON.stringify(content.layout),
      config: { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] } };
    charts.push(chart);
    var known = (window.PlotlyGeoAssets || {}).topojson || {};
    for (var name in content.outlines) if (!(name in known)) known[name] = known[content.outlines[name]];
    // A button may ask for another part of the world: it is drawn on the outlines that are here.
    if (name && !known.obsAny) window.PlotlyGeoAssets.topojson = new Proxy(Object.assign(known, { obsAny: true }),
      { get: function (all, wanted) { return all[wanted] || all[Object.keys(all)[0]]; } });
    var drawn = false;
    function draw() {
      // A chart drawn while its tab is hidden would be drawn 0 pixels wide.
      if (drawn || !root.clientWidth) return;
      drawn = true;
      window.Plotly.newPlot(plot, { data: content.data, layout: layoutOf(chart), frames: content.frames, config: chart.config });
    }
    draw();
    if (!drawn) new ResizeObserver(draw).observe(root);
  };
})();
