// What every page says and paints alike: durations as obs_core.text.durations writes them, and the colour of a name.

/** Write nanoseconds with two or three significant digits in the unit that fits. */
export const formatDuration = (ns) => {
  const two = (value) => String(value).padStart(2, "0");
  const digits = (value, unit) => `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
  if (ns < 0) return `-${formatDuration(-ns)}`;
  if (ns < 1e3) return ns ? `${Math.round(ns)} ns` : "0 s";
  if (ns < 999500) return digits(ns / 1e3, "µs");
  if (ns < 9995e5) return digits(ns / 1e6, "ms");
  if (ns < 5995e7) return `${(ns / 1e9).toFixed(ns < 9995e6 ? 2 : 1)} s`;
  const seconds = Math.round(ns / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(ns / 60e9);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(ns / 3600e9);
  return `${Math.floor(hours / 24).toLocaleString("en")} d ${hours % 24} h`;
};
/** Return which of the twelve colours --obs-bar-1 to --obs-bar-12 bars of a name have: the same one on every page. */
export const colourNumber = (name) => {
  let hash = 2166136261;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16777619) >>> 0;
  return 1 + (hash >>> 8) % 12;
};
