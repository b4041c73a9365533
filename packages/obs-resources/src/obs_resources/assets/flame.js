"use strict";
// Draws every profile of the page that is not drawn yet: a flame graph, the outermost call at the top.
(() => {
  const element = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };
  const time = (ms) => (ms >= 60000 ? `${(ms / 60000).toFixed(1)} min` : ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms} ms`);
  const hue = (text) => {
    let hash = 0;
    for (const letter of text) hash = (hash * 31 + letter.charCodeAt(0)) % 360;
    return hash;
  };

  const draw = (box) => {
    const profile = JSON.parse(box.querySelector("script.profile").textContent);
    const graph = box.querySelector(".graph");
    const options = (names, all) => [element("option", { value: "" }, all), ...names.map((name, place) => element("option", { value: String(place) }, name))];
    const measure = element("select", {}, element("option", { value: "5" }, "on the CPU"), element("option", { value: "4" }, "waiting too"));
    const compared = profile.chance !== undefined;
    const width = element("select", {}, element("option", { value: "after" }, "now"), element("option", { value: "before" }, "before"));
    const thread = element("select", {}, ...options(profile.threads, "all threads"));
    const span = element("select", {}, ...options(profile.spans, "all spans"));
    const search = element("input", { type: "search", placeholder: "function or file" });
    const reset = element("button", { type: "button" }, "Whole profile");
    const bars = element("div", { className: "bars" });
    const told = element("p", { className: "told", role: "status" });
    const label = (text, control) => element("label", {}, text, control);
    graph.append(
      element("div", { className: "tools" }, label("Time", measure), ...(compared ? [label("As it is", width)] : []), label("Thread", thread), label("Span", span), label("Find", search), reset),
      bars,
      told,
    );
    graph.hidden = false;
    if (!profile.stacks.some((stack) => stack[5] || stack[7])) measure.value = "4";

    let root, zoomed;
    const build = () => {
      root = { name: "all", file: "", key: -1, total: 0, own: 0, other: 0, children: new Map(), parent: null, depth: 0 };
      for (const stack of profile.stacks) {
        const both = [stack[Number(measure.value)], stack[Number(measure.value) + 2] ?? 0];
        const [value, other] = width.value === "after" ? both : both.reverse();
        if (!(value || other) || (thread.value !== "" && stack[0] !== Number(thread.value)) || (span.value !== "" && stack[1] !== Number(span.value))) continue;
        let node = root;
        node.total += value;
        node.other += other;
        for (const number of stack[2]) {
          let child = node.children.get(number);
          if (!child) {
            const [name, file] = profile.functions[number];
            child = { name, file, key: number, total: 0, own: 0, other: 0, children: new Map(), parent: node, depth: node.depth + 1 };
            node.children.set(number, child);
          }
          child.total += value;
          child.other += other;
          node = child;
        }
        node.own += value;
      }
      zoomed = root;
      show();
    };

    const matches = (node) => {
      const wanted = search.value.trim().toLowerCase();
      return wanted !== "" && node.depth > 0 && `${node.name} ${node.file}`.toLowerCase().includes(wanted);
    };
    const foundTime = (node) => (matches(node) ? node.total : [...node.children.values()].reduce((sum, child) => sum + foundTime(child), 0));

    // From -1, all of it is new, to 1; 0 where the difference may be chance.
    const change = (node) => {
      const [after, before] = width.value === "after" ? [node.total, node.other] : [node.other, node.total];
      const most = Math.max(after, before);
      return most && Math.abs(after - before) >= profile.chance ? (after - before) / most : 0;
    };
    const beside = (node) => {
      if (!compared) return "";
      return width.value === "after" ? `, before ${time(node.other)}` : `, now ${time(node.other)}`;
    };

    const tell = (node) => {
      const part = root.total ? ((100 * node.total) / root.total).toFixed(1) : "0";
      told.textContent = `${node.name}${node.file ? ` (${node.file})` : ""}: ${time(node.total)}${beside(node)}, ${part} % of ${time(root.total)}; itself ${time(node.own)}`;
    };

    const show = () => {
      bars.replaceChildren();
      if (!root.total) {
        bars.style.height = "0";
        told.textContent = "No samples match this choice.";
        return;
      }
      let deepest = 0;
      const put = (node, left, wide, above) => {
        deepest = Math.max(deepest, node.depth);
        const text = node.depth ? node.name : `all: ${time(node.total)}`;
        const bar = element("button", { type: "button", className: "bar", title: `${node.name} ${node.file}\n${time(node.total)}${beside(node)}` }, wide > 2.5 ? text : "");
        bar.setAttribute("aria-label", `${node.name}, ${time(node.total)}${beside(node)}`);
        bar.style.cssText = `left:${left}%;width:${wide}%;top:${node.depth * 18}px;--hue:${hue(node.file || "all")}`;
        if (compared) {
          const changed = change(node);
          bar.classList.add("compared");
          bar.classList.toggle("slower", changed > 0);
          bar.classList.toggle("faster", changed < 0);
          bar.style.setProperty("--much", `${Math.round(25 + 75 * Math.abs(changed))}%`);
        }
        bar.classList.toggle("above", above);
        bar.classList.toggle("found", matches(node));
        bar.addEventListener("click", () => {
          zoomed = node;
          show();
        });
        bar.addEventListener("mouseenter", () => tell(node));
        bar.addEventListener("focus", () => tell(node));
        bars.append(bar);
      };
      const below = (node, left, room) => {
        const children = [...node.children.values()].sort((one, other) => other.total - one.total);
        for (const child of children) {
          const wide = (room * child.total) / node.total;
          if (wide < 0.12) break;
          put(child, left, wide, false);
          below(child, left, wide);
          left += wide;
        }
      };
      for (let node = zoomed.parent; node; node = node.parent) put(node, 0, 100, true);
      put(zoomed, 0, 100, false);
      below(zoomed, 0, 100);
      bars.style.height = `${(deepest + 1) * 18}px`;
      if (search.value.trim()) {
        const found = foundTime(root);
        told.textContent = `${search.value.trim()}: ${time(found)}, ${((100 * found) / root.total).toFixed(1)} % of ${time(root.total)}`;
      } else {
        tell(zoomed);
      }
    };
    for (const control of [measure, width, thread, span]) control.addEventListener("change", build);
    search.addEventListener("input", show);
    reset.addEventListener("click", () => {
      zoomed = root;
      search.value = "";
      show();
    });
    build();
  };
  for (const box of document.querySelectorAll(".obs-flame")) {
    if (box.dataset.drawn) continue;
    box.dataset.drawn = "1";
    draw(box);
  }
})();
