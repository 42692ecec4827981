// "These too?": what else the concept takes for the object in the examples; one click accepts or refuses a piece.

import { numbered, piecesBeside } from "../job/pieces.js";
import * as api from "../parts/api.js";
import { $, plural, say } from "../parts/dom.js";
import { readGrey } from "../parts/png.js";
import { GROUND } from "../view/palette.js";

export class These {
  constructor(project, run, stage, painter) {
    Object.assign(this, { project, run, stage, painter });
    painter.before = (point, other) => this.#clicked(point, other);
    project.addEventListener("learned", () => this.#look().catch(() => {}));
    project.addEventListener("shown", () => this.write());
    painter.addEventListener("painted", () => this.#repainted());
    $("#these-all").addEventListener("click", () => this.#every(true));
    $("#these-none").addEventListener("click", () => this.#every(false));
  }

  write() {
    const { item } = this.stage;
    const count = item?.pieces?.length ?? 0;
    $("#these").hidden = !count;
    if (!count) return;
    $("#these-words").textContent =
      `${count === 1 ? "1 more looks" : `${count} more look`} like it, unpainted. Is it the same? ` +
      "Click a striped piece to paint it, Alt and click to refuse it.";
    $("#these-all").textContent = count === 1 ? "Yes, paint it" : `Yes, all ${count}`;
  }

  /** Ask for every example the concept was learned from, the one on the stage first. */
  async #look() {
    const { concept, learned } = this.project;
    const first = (example) => (example === this.stage.item ? 0 : 1);
    for (const example of [...learned].sort((a, b) => first(a) - first(b))) {
      const { values } = await readGrey(await api.segment(concept.id, await example.picture.file()));
      if (this.project.concept !== concept) return;
      this.#take(example, values);
    }
  }

  #take(example, found) {
    const { width, height } = example.picture;
    example.refused ??= new Uint8Array(width * height);
    const left = piecesBeside(found, example.mask, width, height);
    this.#set(example, left.filter(({ pixels }) => !example.refused[pixels[0]]));
    this.project.tell("examples");
  }

  #set(example, pieces) {
    example.pieces = pieces;
    example.maybe = pieces.length ? numbered(pieces, example.mask.length) : null;
    if (example === this.stage.item) this.stage.refresh();
    this.write();
  }

  /** Of the picture on the stage; true if a piece was meant, and not the tool. */
  #clicked([x, y], other) {
    const { item } = this.stage;
    if (!item?.maybe) return false;
    const { width, height } = item.picture;
    if (x < 0 || y < 0 || x >= width || y >= height) return false;
    const number = item.maybe[Math.floor(y) * width + Math.floor(x)];
    if (!number) return false;
    this.#answer(item, [item.pieces[number - 1]], !other);
    return true;
  }

  #every(yes) {
    const { item } = this.stage;
    this.#answer(item, item.pieces, yes);
    $("#stage").focus();
  }

  /** Paint pieces, or do not ask for them again. Where unpainted is unknown, what is refused is background. */
  #answer(example, pieces, yes) {
    const painted = yes ? null : this.project.unpainted === "unknown" ? GROUND : 0;
    example.history.begin();
    for (const { label, pixels } of pieces) {
      for (const at of pixels) {
        if (!yes) example.refused[at] = 1;
        if (painted !== 0) example.mask[at] = painted ?? label;
      }
    }
    const changed = example.history.end();
    this.#set(example, example.pieces.filter((piece) => !pieces.includes(piece)));
    if (changed) this.painter.dispatchEvent(new Event("painted"));
    say(yes ? `${plural(pieces.length, "piece")} painted.` : `${plural(pieces.length, "piece")} refused.`);
    this.project.tell("examples");
  }

  /** What was painted over is no question any more. */
  #repainted() {
    const { item } = this.stage;
    if (!item?.pieces?.length) return;
    const left = item.pieces.filter(({ pixels }) => !item.mask[pixels[pixels.length >> 1]]);
    if (left.length < item.pieces.length) this.#set(item, left);
  }
}
