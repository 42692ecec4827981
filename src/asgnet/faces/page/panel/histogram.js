// How areas are distributed, as a small drawing that says in words what it shows.

const [WIDTH, HEIGHT, MOST] = [300, 60, 30];

/** Counts of values in `bins` equal steps from the least to the largest. */
export function binned(values, bins) {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low || 1)) * bins))]++;
  return { low, high, counts };
}

export function histogram(values, unit) {
  const { low, high, counts } = binned(values, Math.min(MOST, Math.ceil(2 * Math.sqrt(values.length))));
  const most = Math.max(...counts);
  const names = { px: "px²", um: "µm²" };
  const said = `${Math.round(low)} to ${Math.round(high)} ${names[unit] ?? `${unit}²`}`;
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 14}`, role: "img", "aria-label": `Areas of ${values.length} objects: ${said}` });
  const step = WIDTH / counts.length;
  counts.forEach((count, i) => {
    const tall = (count / most) * HEIGHT;
    svg.append(make("rect", { x: i * step, y: HEIGHT - tall, width: step - 1, height: tall }));
  });
  const text = make("text", { x: 0, y: HEIGHT + 12 });
  text.textContent = `areas from ${said}`;
  svg.append(text);
  return svg;
}

function make(tag, properties) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  return element;
}
