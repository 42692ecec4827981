// The examples below the stage, each with the doctor's verdict.

import { $, h, icon, plural } from "../parts/dom.js";
import { drawThumb } from "./thumb.js";

const WORDS = {
  good: ["good", "check", "Good"],
  fair: ["fair", "info", "Fair"],
  hard: ["bad", "warn", "Hard"],
  wrong: ["bad", "warn", "Looks wrong"],
  unusable: ["bad", "warn", "Unusable"],
};

/** `[kind, icon, words]` of what is known of an example. */
export function verdictOf(example, examining = false) {
  if (!example.painted) return ["none", "brush", "Not painted yet"];
  if (example.prepainted && !example.finding) return ["fair", "info", "Proposed"];
  if (example.finding) return WORDS[example.finding.verdict] ?? WORDS.fair;
  return examining ? ["none", "info", "Checking …"] : ["none", "check", "Painted"];
}

export class Examples {
  #examining = false;

  /** @param {(item) => void} show puts an example on the stage. */
  constructor(project, show) {
    this.project = project;
    this.show = show;
    this.current = null;
    project.addEventListener("examples", () => this.draw());
    project.addEventListener("examining", ({ detail }) => {
      this.#examining = detail;
      this.draw();
    });
  }

  draw() {
    const { examples } = this.project;
    $("#examples").replaceChildren(...examples.map((example, i) => this.#card(example, i)), this.#more());
    $("#examples-title").textContent = examples.length ? plural(examples.length, "example") : "Examples";
    $("#advice").textContent = (!this.project.stale && this.project.advice) || "";
  }

  /** Only one example was painted on. */
  redraw(example) {
    const card = $(`#examples > li:nth-child(${this.project.examples.indexOf(example) + 1})`);
    if (card) card.replaceWith(this.#card(example, this.project.examples.indexOf(example)));
  }

  mark(item) {
    this.current = item;
    for (const [i, card] of [...$("#examples").children].entries()) {
      card.toggleAttribute("data-current", Boolean(item) && this.project.examples[i] === item);
      card.firstChild.setAttribute?.("aria-pressed", String(this.project.examples[i] === item));
    }
  }

  #card(example, i) {
    const { name, width, height } = example.picture;
    const [kind, sign, words] = verdictOf(example, this.#examining);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const over = example.mask && { mask: example.mask, width, height };
    drawThumb(canvas, example.picture, over, "overlay", 0.5).catch(() => {});
    const current = example === this.current;
    return h(
      "li",
      { class: "example", "data-current": current },
      h(
        "button",
        { type: "button", "aria-pressed": String(current), title: name, onclick: () => this.show(example) },
        canvas,
        h(
          "span", { class: "text" },
          h("span", { class: "name" }, name || `Example ${i + 1}`),
          h("span", { class: "mark", "data-is": kind }, icon(sign), words),
          example.pieces.length > 0 && h("span", { class: "mark asks", "data-is": "fair" }, icon("info"), `${example.pieces.length} more?`),
        ),
      ),
      h(
        "button",
        { type: "button", class: "remove", title: `Remove the example ${name}`, onclick: () => this.#remove(example) },
        icon("close"), h("span", { class: "hidden" }, `Remove the example ${name}`),
      ),
    );
  }

  #remove(example) {
    this.project.removeExample(example);
    if (example === this.current) this.show(this.project.examples[0] ?? null);
    $("#examples button").focus();
  }

  #more() {
    const button = h("button", { type: "button", "data-choose": "examples" }, icon("plus"), "Add example");
    return h("li", { class: "example more" }, button);
  }
}
