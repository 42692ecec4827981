// One picture of the pile: what was found in it, in colours and in words.

import { h, icon } from "../parts/dom.js";
import { drawThumb } from "./thumb.js";

/** What a result says, as `[kind, icon, words]`. */
export function wordsOf(result) {
  const { status, presence, present, error } = result.record;
  if (status === "failed") return ["bad", "warn", error || "Could not be read"];
  if (status === "cancelled") return ["none", "close", "Stopped"];
  if (status === "running") return ["none", "look", "Being looked at …"];
  if (status === "queued") return ["none", "look", "Waiting"];
  if (status !== "done") return ["none", "look", "Not looked at yet"];
  if (result.mask) return ["good", "brush", "Painted by you"];
  const percent = `${Math.round(presence * 100)} %`;
  if (!result.record.area_fraction) return ["none", "info", "Nothing found"];
  return present === false ? ["fair", "info", `Not there? ${percent}`] : ["good", "check", `Found ${percent}`];
}

export class Card {
  visible = false;
  #drawing = false;
  #again = false;

  /**
   * @param {import("../job/project.js").Result} result
   * @param {{look: () => object, load: (result, view) => Promise<object>, show: (result) => void}} desk
   */
  constructor(result, desk) {
    this.result = result;
    this.desk = desk;
    this.canvas = h("canvas", { "aria-hidden": "true", width: 4, height: 3 });
    this.flag = h("span", { class: "flag", hidden: true });
    this.text = h("span", { class: "text" });
    this.button = h(
      "button",
      { type: "button", title: result.picture.name, "aria-pressed": "false", onclick: () => desk.show(result) },
      h("span", { class: "shot" }, this.canvas, this.flag),
      this.text,
    );
    this.element = h("li", { class: "card" }, this.button);
    this.write();
  }

  /** The words; and the picture, if it can be seen. */
  update() {
    this.write();
    if (this.visible) this.draw();
  }

  write() {
    const { result } = this;
    const [kind, sign, words] = wordsOf(result);
    const { uncertainty } = result.record;
    this.element.toggleAttribute("data-waiting", !result.found);
    this.flag.hidden = !result.learned;
    this.flag.textContent = "example";
    const shown = result.found && !result.mask && uncertainty != null;
    this.text.replaceChildren(
      h("span", { class: "name" }, result.picture.name),
      h(
        "span", { class: "line" },
        h("span", { class: "mark", "data-is": kind }, icon(sign), words),
        shown && uncertaintyBar(uncertainty),
        result.found && h("span", { class: "area" }, areaOf(result.record.area_fraction)),
      ),
    );
  }

  /** Never twice at a time; what comes meanwhile is drawn after. */
  async draw() {
    if (this.#drawing) return void (this.#again = true);
    this.#drawing = true;
    do {
      this.#again = false;
      await this.#drawn().catch(() => {});
    } while (this.#again);
    this.#drawing = false;
  }

  async #drawn() {
    const { result } = this;
    const { view, threshold, empty } = this.desk.look();
    let over = null;
    if (result.mask) over = { mask: result.mask, width: result.picture.width, height: result.picture.height };
    else if (result.found) over = await this.desk.load(result, view);
    if (over && !result.mask && empty && result.record.present === false) over = null;
    await drawThumb(this.canvas, result.picture, over, view, threshold);
  }
}

/** The found part of the picture, in words. */
function areaOf(part) {
  return part > 0 && part < 0.001 ? "< 0.1 % of the picture" : `${(100 * (part ?? 0)).toFixed(1)} % of the picture`;
}

function uncertaintyBar(uncertainty) {
  const percent = Math.round(uncertainty * 100);
  const fill = h("i");
  fill.style.width = `${percent}%`;
  return h(
    "span", { class: "uncertainty", title: `Uncertainty ${percent} %` },
    "uncertainty", h("span", { class: "hidden" }, ` ${percent} %`), h("b", { "aria-hidden": "true" }, fill),
  );
}
