// Beside a deck's frame in a notebook: gives the frame its height, the notebook's theme, and the libraries that it asks
// for. What one output brings serves all frames of the notebook, in whatever order the notebook puts them on the page.
((frame) => {
  if (!frame) return;
  const kept = (window.obsBodies ||= new Map());
  for (let holder = frame.previousElementSibling; holder?.dataset.obsBody; holder = holder.previousElementSibling) {
    kept.set(holder.dataset.obsBody, holder.textContent);
  }
  dispatchEvent(new CustomEvent("obs:bodies"));
  const LONGEST_WAIT = 5000; // milliseconds: a notebook puts outputs on the page one after the other
  const waiting = new Set();
  const send = (message) => frame.contentWindow?.postMessage(message, "*");
  const sendBody = (digest, asked) => {
    const missing = !kept.has(digest);
    if (missing && performance.now() - asked < LONGEST_WAIT) return false;
    send({ obs: "body", digest, content: missing ? null : kept.get(digest) });
    return true;
  };
  const onAsked = (digest) => {
    const asked = performance.now();
    if (waiting.has(digest) || sendBody(digest, asked)) return;
    waiting.add(digest);
    const again = () => {
      if (!waiting.has(digest) || !sendBody(digest, asked)) return;
      waiting.delete(digest);
      removeEventListener("obs:bodies", again);
    };
    addEventListener("obs:bodies", again);
    setTimeout(again, LONGEST_WAIT + 100);
  };

  // marimo puts each output that has scripts into a page of its own, in a frame that knows no theme and no height.
  const own = frame.parentElement === document.body ? window.frameElement : null;

  // The colour of the text around is what every notebook has, whatever its themes are called.
  const painter = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const theme = () => {
    painter.fillStyle = getComputedStyle((own ?? frame).parentElement).color; // rgb(), color(), oklch() and more
    painter.fillRect(0, 0, 1, 1);
    const [red, green, blue] = painter.getImageData(0, 0, 1, 1).data;
    return 0.3 * red + 0.6 * green + 0.1 * blue > 128 ? "dark" : "light";
  };
  const sendTheme = () => {
    if (!frame.isConnected) return;
    const found = theme();
    const page = document.documentElement.style;
    if (own && page.colorScheme !== found) page.colorScheme = found; // a frame of another scheme is not transparent
    send({ obs: "theme", theme: found });
  };
  const setHeight = (height) => {
    frame.style.height = `${Math.min(Math.max(Number(height) || 0, 40), 4000)}px`;
    if (own) own.style.height = `${document.documentElement.scrollHeight}px`;
  };
  const changes = new MutationObserver(() => [50, 500, 2000].forEach((time) => setTimeout(sendTheme, time)));
  const { documentElement, body } = (own ?? frame).ownerDocument;
  for (const element of [documentElement, body]) changes.observe(element, { attributes: true });

  addEventListener("message", ({ source, data }) => {
    if (source !== frame.contentWindow || !data) return;
    if (data.obs === "height") setHeight(data.height);
    if (data.obs === "begun") sendTheme();
    if (data.obs === "asked") onAsked(String(data.digest));
  });
  sendTheme(); // the frame may have begun before this script
})(document.currentScript.previousElementSibling);
