"use strict";
// Numbers as `precise` in obs_core.text.numbers writes them, so that a chart and the table beside it say the same.
globalThis.obsNumbers ??= (() => {
  // As Python rounds: what lies exactly between two goes to the even one. `toFixed` knows the exact value, Intl does not.
  const rounded = (size, decimals) => {
    const exact = size.toFixed(Math.min(100, decimals + 60));
    const end = exact.indexOf(".") + 1 + decimals;
    const cut = exact.slice(0, end).replace(/\.$/, "");
    return /^50*$/.test(exact.slice(end)) && /[02468]$/.test(cut) ? cut : size.toFixed(decimals);
  };
  const fixed = (value, least, most) => {
    const size = Math.abs(value);
    let [whole, rest = ""] = rounded(size, most).split(".");
    while (rest.length > least && rest.endsWith("0")) rest = rest.slice(0, -1);
    if (size >= 1e4) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    const said = rest ? `${whole}.${rest}` : whole;
    return value < 0 && /[1-9]/.test(said) ? `-${said}` : said;
  };
  const number = (value) => {
    if (value == null) return "–";
    const size = Math.abs(value);
    if (size && (size < 1e-4 || size >= 1e15)) {
      const [digits, exponent] = value.toExponential(5).split("e");
      if (exponent === "-4") return fixed(value, 0, 4); // rounded up to where no power is needed
      return `${Number(digits)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
    }
    return fixed(value, 0, Number.isInteger(value) ? 0 : Math.max(0, 5 - Math.floor(Math.log10(size))));
  };
  return { fixed, number };
})();
