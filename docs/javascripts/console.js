// A console block shows commands and what they print. Its copy button gives the commands alone.
(function () {
  for (const block of document.querySelectorAll(".language-console")) {
    const lines = block.querySelector("code").textContent.split("\n");
    const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2).replace(/\s+# .*/, ""));
    if (commands.length) block.dataset.copy = commands.join("\n");
  }
})();
