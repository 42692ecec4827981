// Tool, brush size, undo, redo, zoom: buttons for what the painter and the stage do.

import { $, $$, say } from "../parts/dom.js";

export class Toolbar {
  constructor(painter, stage, desk) {
    Object.assign(this, { painter, stage, desk });
    for (const radio of $$("input[name=tool]")) radio.addEventListener("change", () => painter.choose(radio.value));
    $("#size").addEventListener("input", (event) => (painter.size = 2 ** Number(event.target.value)));
    for (const [id, then] of [
      ["undo", () => painter.undo()], ["redo", () => painter.redo()], ["clear", () => painter.clear()],
      ["zoom-in", () => stage.zoom(1.4)], ["zoom-out", () => stage.zoom(1 / 1.4)], ["zoom-fit", () => stage.fit()],
    ]) {
      $(`#${id}`).addEventListener("click", () => {
        then();
        desk.write();
      });
    }
    for (const what of ["tool", "size"]) painter.addEventListener(what, () => this.draw());
    this.draw();
  }

  choose = (tool) => {
    this.painter.choose(tool);
    say(`Tool: ${$(`input[name=tool][value=${tool}]`).parentElement.textContent.trim()}.`);
  };

  draw() {
    const { tool, size } = this.painter;
    $(`input[name=tool][value=${tool}]`).checked = true;
    $("#stage").dataset.tool = tool;
    $("#size").value = Math.log2(size);
    $("#size-out").textContent = `${size} px`;
    this.stage.refreshMarks();
  }
}
