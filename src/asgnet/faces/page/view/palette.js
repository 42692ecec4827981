// Colours that colour-blind eyes tell apart (Okabe & Ito), and a pattern beside each, so that colour is never alone.

const OKABE_ITO = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [204, 121, 167],
  [213, 94, 0],
  [0, 114, 178],
  [240, 228, 66],
];

// Where the pattern is drawn strongly; period 12 in both directions.
const PATTERNS = [
  () => false,
  (x, y) => (x + y) % 12 < 4,
  (x, y) => x % 6 < 3 && y % 6 < 3,
  (x, y) => y % 6 < 2,
  (x, y) => (x - y + 1200) % 12 < 4,
  (x) => x % 6 < 2,
  (x, y) => x % 12 < 2 || y % 12 < 2,
];

/** Labels of a mask that are no class: painted background, and what counts for neither side. */
export const GROUND = 254;
export const IGNORE = 255;

/** `[red, green, blue]` of a class, 1 the first. */
export function colourOf(label) {
  return OKABE_ITO[(label - 1) % OKABE_ITO.length];
}

/** 12 × 12 bytes, 1 where a class's pattern is strong; beyond seven classes colours meet other patterns. */
export function patternOf(label) {
  const turn = Math.floor((label - 1) / OKABE_ITO.length);
  const drawn = PATTERNS[(label - 1 + turn) % PATTERNS.length];
  return Uint8Array.from({ length: 144 }, (_, i) => (drawn(i % 12, Math.floor(i / 12)) ? 1 : 0));
}

// Neighbouring entries differ strongly in hue and lightness; the same as in asgnet's explanations.
const PARTS = [
  "e6550d", "3182bd", "ffd92f", "7b3294", "66c2a5", "e7298a", "a6761d", "1b9e77",
  "a6cee3", "b2182b", "4d4d9f", "fdbf6f", "c7e020", "8c6bb1", "2b8c5a",
].map(bytes);
const HEAT = ["0b0724", "3b0f70", "8c2981", "de4968", "fe9f6d", "fcfdbf"].map(bytes);

/** The colour of a prototype in the guide map. */
export function partColour(index) {
  if (index < PARTS.length) return PARTS[index];
  const hue = ((index - PARTS.length) * 0.61803398875 * 6) % 6;
  const channel = (shift) => Math.round(230 * (0.35 + 0.65 * Math.min(1, Math.max(0, Math.abs(((hue + shift) % 6) - 3) - 1))));
  return [channel(0), channel(4), channel(2)];
}

/** 256 colours from surely not (near black) to surely (pale yellow), `256 * 3` bytes. */
export const heat = (() => {
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (HEAT.length - 1);
    const low = Math.min(HEAT.length - 2, Math.floor(at));
    for (let c = 0; c < 3; c++) table[i * 3 + c] = HEAT[low][c] + (at - low) * (HEAT[low + 1][c] - HEAT[low][c]);
  }
  return table;
})();

function bytes(hex) {
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
