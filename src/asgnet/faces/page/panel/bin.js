// The bin in the header, and the list of what is in it.

import { $, h, say } from "../parts/dom.js";

export class BinPanel {
  constructor(bin) {
    this.bin = bin;
    bin.addEventListener("change", () => this.draw());
    $("#bin").addEventListener("click", () => $("#bin-dialog").showModal());
    $("#bin-close").addEventListener("click", () => $("#bin-dialog").close());
    $("#bin-empty").addEventListener("click", () => {
      bin.empty();
      $("#bin-dialog").close();
      say("The bin is empty.");
    });
    this.draw();
  }

  draw() {
    const { things } = this.bin;
    $("#bin").hidden = !things.length;
    $("#bin-count").textContent = things.length;
    $("#bin-list").replaceChildren(...things.map((thing) => h(
      "li", {}, h("span", {}, thing.words),
      h("button", { type: "button", onclick: () => this.#back(thing) }, "Bring back"),
    )));
    if (!things.length && $("#bin-dialog").open) $("#bin-dialog").close();
  }

  #back(thing) {
    this.bin.bringBack(thing);
    say(`Brought back: ${thing.words}.`);
  }
}
