// Masks asked for by a box or clicks. Each answer is one step of undo; questions wait for their turn.

import { pour } from "./brush.js";

/** What was said about one object: a box, clicks `{x, y, object}`, and the mask as it was before. */
class Said {
  constructor(start, label, box = null, clicks = []) {
    Object.assign(this, { start, label, box, clicks });
  }

  with(click) {
    return new Said(this.start, this.label, this.box, [...this.clicks, click]);
  }
}

export class Proposals {
  #start = {}; // of this object: the mask before it
  #answered = []; // what was said of it, the latest last
  #undone = [];
  #waiting = [];
  #asking = false;

  /**
   * @param {(item, clicks, box) => Promise<Uint8Array>} propose finds the object.
   * @param on `{asking(), answered(), changed(), failed(error)}`
   */
  constructor(propose, on) {
    Object.assign(this, { propose, on });
  }

  get #last() {
    const said = this.#waiting.at(-1)?.said ?? this.#answered.at(-1);
    return said?.start === this.#start ? said : null;
  }

  /** Something was asked that is not answered yet. */
  get waiting() {
    return this.#waiting.length > 0;
  }

  get clicks() {
    return this.#last?.clicks ?? [];
  }

  get box() {
    return this.#last?.box ?? null;
  }

  /** A box begins another object; what was found before stays. */
  drawBox(item, label, box) {
    this.end();
    this.#ask(item, new Said(this.#start, label, box));
  }

  /** A click corrects what was found last. One beyond its box, or on nothing yet, begins another object. */
  click(item, label, click) {
    const last = this.#last;
    const begins = !last || last.label !== label || (click.object && last.box && !within(click, last.box));
    if (begins && !click.object) return this.on.failed(new Error("Click the object first; Alt and click then takes away."));
    if (begins) this.end();
    this.#ask(item, begins ? new Said(this.#start, label, null, [click]) : last.with(click));
  }

  /** Nothing more is said about this object. */
  end() {
    this.#start = {};
    this.#answered = [];
    this.#undone = [];
  }

  /** The same, and what has not been answered yet never will be. */
  drop() {
    this.end();
    this.#waiting = [];
  }

  /** Take back a question that waits. Returns whether there was one. */
  undoWaiting() {
    return Boolean(this.#waiting.pop());
  }

  /** The history went one step back, or forth. */
  undone() {
    if (this.#answered.length) this.#undone.push(this.#answered.pop());
  }

  redone() {
    if (this.#undone.length) this.#answered.push(this.#undone.pop());
  }

  async #ask(item, said) {
    this.#waiting.push({ item, said });
    this.on.asking();
    if (this.#asking) return;
    this.#asking = true;
    let failed = false;
    while (this.#waiting.length) failed = !(await this.#next(this.#waiting[0]));
    this.#asking = false;
    if (!failed) this.on.answered();
  }

  /** Ask one. Returns whether nothing went wrong. */
  async #next(question) {
    const { item, said } = question;
    try {
      const found = await this.propose(item, said.clicks, said.box);
      if (this.#waiting[0] !== question) return true; // taken back, or the person went on to something else
      this.#waiting.shift();
      this.#pour(item, said, found);
      return true;
    } catch (error) {
      if (this.#waiting[0] !== question) return true;
      this.#waiting = this.#waiting.filter((other) => other.said.start !== said.start);
      this.on.failed(error);
      return false;
    }
  }

  #pour(item, said, found) {
    const { mask, history, picture } = item;
    said.start.mask ??= mask.slice();
    history.begin();
    mask.set(said.start.mask);
    pour(mask, picture.width, picture.height, found, said.label);
    const changed = history.end();
    if (said.start === this.#start) {
      if (!changed) this.#answered.pop(); // one step of undo for both
      this.#answered.push(said);
      this.#undone = [];
    }
    this.on.changed();
  }
}

function within({ x, y }, [[x0, y0], [x1, y1]]) {
  return x >= Math.min(x0, x1) && x <= Math.max(x0, x1) && y >= Math.min(y0, y1) && y <= Math.max(y0, y1);
}
