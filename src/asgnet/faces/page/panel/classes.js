// The classes: which one is painted, what they are called; each with its colour, pattern and number.

import { $, h, icon, say } from "../parts/dom.js";
import { compose, IGNORED } from "../view/lens.js";
import { colourOf, GROUND, IGNORE } from "../view/palette.js";

const MOST = 20;
const OTHERS = [
  [GROUND, "Background", "background: surely not the object"],
  [IGNORE, "Ignore", "what counts for neither: blurred, unclear or cut off"],
];

export class Classes {
  constructor(project, painter) {
    this.project = project;
    this.painter = painter;
    $("#add-class").addEventListener("click", () => this.#add());
    project.addEventListener("classes", () => this.draw());
    painter.addEventListener("label", () => this.draw());
    this.draw();
  }

  choose(label) {
    if (label > this.project.classes.length && label < GROUND) return;
    this.painter.proposals.end(); // the next click asks for a mask of its own
    this.painter.label = label;
    this.painter.dispatchEvent(new Event("label"));
    say(`Painting ${{ [GROUND]: "background", [IGNORE]: "what is to be ignored" }[label] ?? this.project.classes[label - 1]}.`);
  }

  draw() {
    const { classes } = this.project;
    if (this.painter.label < GROUND) this.painter.label = Math.min(this.painter.label, classes.length);
    const focus = document.activeElement?.dataset?.focus;
    $("#classes").replaceChildren(...classes.map((name, i) => this.#row(name, i + 1)), ...OTHERS.map((one) => this.#other(...one)));
    if (focus) $(`#classes [data-focus="${focus}"]`)?.focus();
    $("#add-class").hidden = classes.length >= MOST;
  }

  #row(name, label) {
    const last = label === this.project.classes.length && label > 1;
    const radio = h("input", {
      type: "radio", name: "class", value: label, checked: label === this.painter.label, "data-focus": `radio-${label}`,
      "aria-label": `Paint class ${label}: ${name}`, onchange: () => this.choose(label),
      ...(label < 10 && { "aria-keyshortcuts": String(label) }),
    });
    const text = h("input", {
      type: "text", value: name, maxlength: 60, "aria-label": `Name of class ${label}`, spellcheck: "false",
      "data-focus": `name-${label}`, onchange: (event) => this.#rename(label, event.target),
      onfocus: () => this.painter.label !== label && this.choose(label),
    });
    const remove = last && h(
      "button",
      { type: "button", title: `Remove the class ${name}`, onclick: () => this.project.dropClass() },
      icon("close"), h("span", { class: "hidden" }, `Remove the class ${name}`),
    );
    return h("div", { class: "class" }, radio, swatch(label), text, remove);
  }

  /** Background, and what is to be ignored: labels that are no classes. */
  #other(label, name, told) {
    const radio = h("input", {
      type: "radio", name: "class", value: label, checked: label === this.painter.label, "data-focus": `radio-${label}`,
      "aria-label": `Paint ${told}`, onchange: () => this.choose(label),
    });
    return h("label", { class: "class other", title: `Paint ${told}` }, radio, swatch(label === IGNORE ? IGNORED : label), h("span", {}, name));
  }

  #rename(label, field) {
    const name = field.value.trim();
    const taken = this.project.classes.some((other, i) => other === name && i !== label - 1);
    if (!name || taken) {
      field.value = this.project.classes[label - 1];
      return say(name ? `There is a class ${name} already.` : "A class needs a name.", true);
    }
    this.project.rename(label, name);
  }

  #add() {
    this.project.addClass();
    this.choose(this.project.classes.length);
    const field = $(`#classes [data-focus="name-${this.project.classes.length}"]`);
    field.focus();
    field.select();
  }
}

/** A small square in the class's colour and pattern. */
export function swatch(label) {
  const canvas = h("canvas", { width: 24, height: 24, "aria-hidden": "true" });
  const image = new ImageData(24, 24);
  compose(image, new Uint8Array(576).fill(label), "overlay");
  const context = canvas.getContext("2d");
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 24, 24);
  context.globalCompositeOperation = "source-over";
  context.strokeStyle = label > 200 ? "rgb(90 90 90)" : `rgb(${colourOf(label).join(" ")})`;
  context.lineWidth = 6;
  context.strokeRect(0, 0, 24, 24);
  return canvas;
}
