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

  // The colour of the text around is what every notebook has, whatever its themes are called.
  const theme = () => {
    const parts = (getComputedStyle(frame.parentElement).color.match(/[\d.]+/g) ?? []).map(Number);
    return parts.length >= 3 && 0.3 * parts[0] + 0.6 * parts[1] + 0.1 * parts[2] > 128 ? "dark" : "light";
  };
  const sendTheme = () => frame.isConnected && send({ obs: "theme", theme: theme() });
  const changes = new MutationObserver(() => [50, 500, 2000].forEach((time) => setTimeout(sendTheme, time)));
  for (const element of [document.documentElement, document.body]) changes.observe(element, { attributes: true });

  addEventListener("message", ({ source, data }) => {
    if (source !== frame.contentWindow || !data) return;
    if (data.obs === "height") frame.style.height = `${Math.min(Math.max(Number(data.height) || 0, 40), 4000)}px`;
    if (data.obs === "begun") sendTheme();
    if (data.obs === "asked") onAsked(String(data.digest));
  });
  sendTheme(); // the frame may have begun before this script
})(document.currentScript.previousElementSibling);
