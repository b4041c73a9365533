"use strict";
// Numbers as `precise` in obs_core.text.numbers writes them, so that a chart and the table beside it say the same.
globalThis.obsNumbers ??= (() => {
  const fixed = (value, least, most) => {
    const said = value.toLocaleString("en", { useGrouping: Math.abs(value) >= 1e4, minimumFractionDigits: least, maximumFractionDigits: most, roundingMode: "halfEven" });
    return said === "-0" ? "0" : said;
  };
  const number = (value) => {
    if (value == null) return "–";
    const size = Math.abs(value);
    if (size && (size < 1e-4 || size >= 1e15)) {
      const [digits, exponent] = value.toExponential(5).split("e");
      return `${Number(digits)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
    }
    return fixed(value, 0, Number.isInteger(value) ? 0 : Math.max(0, 5 - Math.floor(Math.log10(size))));
  };
  return { fixed, number };
})();
