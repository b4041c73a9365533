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
  // A chart's ticks are from 1e-32 to 1e32 apart, and ranges may not overflow: what lies beyond is drawn in a power of ten.
  const powerOf = (values) => {
    let most = 0;
    for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
    return most >= 1e30 || (most && most < 1e-15) ? 10 ** Math.floor(Math.log10(most)) : 1;
  };
  // Labels of an axis tell its ticks apart, however little lies between them.
  const placesOf = (step) => {
    const least = Math.max(0, Math.ceil(-Math.log10(step)));
    const says = (places) => Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) < 1e-6;
    return [least, least + 1].find((places) => places <= 12 && says(places));
  };
  const labels = (ticks, step) => {
    const places = step > 0 ? placesOf(step) : undefined;
    return ticks.map((tick) => {
      if (tick == null) return "";
      const short = number(tick);
      const suffices = places === undefined || Math.abs(tick) >= 1e15 || Math.abs(Number(short.replaceAll(",", "")) - tick) < step / 100;
      return suffices ? short : fixed(tick, places, places);
    });
  };
  // And so do values: where they lie so close together that what is said otherwise would not, they have further digits.
  const telling = (values, otherwise = number) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const size = Math.max(Math.abs(low), Math.abs(high));
    if (!(high > low) || high - low > size / 1000 || size >= 1e15 || size < 1e-4) return otherwise;
    const most = 15 - Math.ceil(Math.log10(size)); // all that a double has
    const places = Math.min(most, Math.ceil(-Math.log10(high - low)) + 2, 12);
    return (value) => (Number.isFinite(value) ? fixed(value, 0, Math.max(0, places)) : otherwise(value));
  };
  // A range with room at both ends, and as wide as a chart needs it: on a narrower one ticks would be the same number.
  const widened = (low, high, share) => {
    const room = Math.max((high - low) * share, 64 * Number.EPSILON * Math.max(Math.abs(low), Math.abs(high)));
    return [low - room, high + room];
  };
  const roomFor = ({ ctx }, texts, least) => {
    ctx.save();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    const widest = Math.max(0, ...(texts ?? []).map((text) => ctx.measureText(text ?? "").width));
    ctx.restore();
    return Math.max(least, Math.ceil(widest / devicePixelRatio) + 18);
  };
  return { fixed, number, powerOf, labels, telling, widened, roomFor };
})();
