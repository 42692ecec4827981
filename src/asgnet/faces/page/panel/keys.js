// Shortcuts, and the list of them.

import { $, h, say } from "../parts/dom.js";

const KEYS = [
  [["X"], "box: drag it around the object; a click corrects what was found, with Alt it takes away"],
  [["M"], "click the object; more clicks correct, with Alt they take away"],
  [["B"], "brush"], [["E"], "eraser"], [["P"], "polygon: Enter closes it, Escape takes it back"],
  [["H"], "move the picture (or hold Space)"],
  [["1", "…", "9"], "class to paint"], [["[", "]"], "smaller, larger brush"], [["Ctrl Z", "Ctrl ⇧ Z"], "undo, redo"],
  [["+", "−", "0"], "zoom in, out, whole picture (wheel or pinch, too)"],
  [["←", "↑", "→", "↓"], "move the brush on the picture; with Shift further, with Alt by one pixel"],
  [["Space"], "on the picture: brush down or up, corner, click"], [["J", "K"], "next, previous picture"],
  [["V"], "next view of the results"], [["O"], "while it is held: the picture alone"], [["U"], "use the corrected result as example"], [["F"], "find"], [["?"], "this list"],
];
const TOOLS = { x: "box", m: "click", b: "brush", e: "eraser", p: "polygon", h: "hand" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keys {
  /** @param parts painter, cursor, pointer, stage, classes, desk, results, chooseTool, find */
  constructor(parts) {
    Object.assign(this, parts);
    this.on = localStorage.getItem("asgnet-keys") !== "off";
    $("#keys-on").checked = this.on;
    $("#keys-on").addEventListener("change", (event) => {
      this.on = event.target.checked;
      localStorage.setItem("asgnet-keys", this.on ? "on" : "off");
    });
    $("#keys-list").append(...KEYS.flatMap(([keys, told]) => [
      h("dt", {}, ...keys.map((key) => (key === "…" ? "…" : h("kbd", {}, key)))), h("dd", {}, told),
    ]));
    $("#help").addEventListener("click", () => $("#keys").showModal());
    $("#keys-close").addEventListener("click", () => $("#keys").close());
    document.addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("keyup", (event) => event.key === " " && (this.pointer.panNext = false));
    $("#stage").addEventListener("blur", () => this.cursor.lift());
  }

  #pressed(event) {
    if ($("dialog[open]") || event.defaultPrevented) return;
    const { target, key } = event;
    const writing = target.matches?.('input[type="text"], select');
    if ((event.ctrlKey || event.metaKey) && !writing && this.#steps(event)) return event.preventDefault();
    if (event.ctrlKey || event.metaKey || writing) return;
    const onStage = target === $("#stage");
    if (onStage && this.stage.item && this.#onStage(event)) return event.preventDefault();
    // A tool that was just chosen has the focus; Space does nothing to it.
    const idle = target === document.body || target.matches?.('input[type="radio"]:checked');
    if (!onStage && key === " " && idle) {
      this.pointer.panNext = true;
      return event.preventDefault();
    }
    if (this.on && !event.altKey && this.#letter(key)) event.preventDefault();
  }

  #steps(event) {
    const key = event.key.toLowerCase();
    if (key === "z") event.shiftKey ? this.painter.redo() : this.painter.undo();
    else if (key === "y") this.painter.redo();
    else return false;
    this.desk.write();
    return true;
  }

  /** Painting with the keyboard. */
  #onStage(event) {
    const { key } = event;
    const arrow = ARROWS[key];
    if (arrow) {
      const step = event.altKey ? 1 : Math.max(1, Math.round(this.painter.size / 3)) * (event.shiftKey ? 6 : 1);
      this.cursor.move(arrow[0] * step, arrow[1] * step);
    } else if (key === " ") {
      // With the mouse on the picture the space bar pans; with the arrow keys it paints.
      if (this.cursor.at && !this.cursor.byKeys) this.pointer.panNext = true;
      else if (!event.repeat) say(this.cursor.press(event.altKey));
    } else if (key === "Enter") {
      this.cursor.lift();
      this.painter.finish();
    } else if (key === "Escape") {
      this.cursor.lift();
      this.painter.abandon();
    } else return false;
    return true;
  }

  #letter(key) {
    const low = key.toLowerCase();
    if (TOOLS[low]) this.chooseTool(TOOLS[low]);
    else if (/^[1-9]$/.test(key)) this.classes.choose(Number(key));
    else if (key === "[") this.painter.size = this.painter.size / 1.25 - 0.5;
    else if (key === "]") this.painter.size = this.painter.size * 1.25 + 0.5;
    else if (key === "+" || key === "=") this.stage.zoom(1.25);
    else if (key === "-") this.stage.zoom(0.8);
    else if (key === "0") this.stage.fit();
    else if (low === "j") this.desk.go(1);
    else if (low === "k") this.desk.go(-1);
    else if (low === "u") this.desk.teach();
    else if (low === "f") this.find();
    else if (low === "o") this.eye.bare(true);
    else if (low === "v") say(`View: ${this.results.nextView()}.`);
    else if (key === "?") $("#keys").showModal();
    else return false;
    return true;
  }
}

