// How the picture on the stage is looked at: what lies over it, contrast, channels. Nothing of it is kept or sent.

import { $ } from "../parts/dom.js";

export class Eye {
  constructor(stage) {
    this.stage = stage;
    for (const [id, name] of [["opacity", "opacity"], ["contrast", "contrast"], ["brightness", "brightness"]]) {
      $(`#${id}`).addEventListener("input", ({ target }) => this.#look(name, Number(target.value)));
    }
    $("#channel").addEventListener("change", ({ target }) => this.#look("channel", target.value));
    $("#eye-reset").addEventListener("click", () => this.#reset());
    document.addEventListener("keyup", ({ key }) => key.toLowerCase() === "o" && this.bare(false));
    window.addEventListener("blur", () => this.bare(false));
  }

  /** Show the picture alone, for as long as a key is held. */
  bare(is) {
    if (this.stage.bare === is) return;
    this.stage.bare = is;
    this.stage.refresh();
  }

  #look(name, value) {
    this.stage[name] = value;
    this.stage.refresh();
  }

  #reset() {
    for (const id of ["opacity", "contrast", "brightness"]) {
      $(`#${id}`).value = 1;
      this.stage[id] = 1;
    }
    $("#channel").value = this.stage.channel = "";
    this.stage.refresh();
  }
}
