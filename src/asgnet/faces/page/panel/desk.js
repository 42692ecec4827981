// What stands on the stage: its name, the doctor's word, and how to correct it.

import { maps } from "../job/run.js";
import { $, h, icon, say } from "../parts/dom.js";
import { wordsOf } from "./card.js";
import { verdictOf } from "./examples.js";

export class Desk {
  #keeping = 0;

  constructor(project, run, stage, painter) {
    Object.assign(this, { project, run, stage, painter });
    painter.addEventListener("painted", () => this.#painted());
    for (const what of ["examples", "examining", "stale"]) project.addEventListener(what, () => this.write());
    $("#before").addEventListener("click", () => this.go(-1));
    $("#after").addEventListener("click", () => this.go(1));
    $("#teach").addEventListener("click", () => this.teach());
    $("#revert").addEventListener("click", () => this.revert());
  }

  /** Lists that show which item stands here; set once they exist. */
  lists = [];

  /** Put an item on the stage. `still`: it is there already, only what is known of it changed. */
  show = async (item, still = false) => {
    if (!still) {
      this.painter.abandon();
      for (const list of this.lists) list.mark(item);
    }
    this.#wait("");
    this.#empty(!item);
    if (!item) {
      await this.stage.show(null);
      return this.write();
    }
    try {
      if (item.kind === "example") await item.prepare();
      if (!still || this.stage.item !== item) await this.stage.show(item);
      this.write();
      await this.#fetch(item);
    } catch (error) {
      this.#wait(error.message);
    }
    if (this.stage.item === item) this.write();
  };

  /** The next or previous picture of the list to which this one belongs. */
  go(by) {
    const { item } = this.stage;
    const list = item?.kind === "result" ? this.lists[1].inOrder() : this.project.examples;
    const next = list[(list.indexOf(item) + by + list.length) % list.length];
    if (next && next !== item) this.show(next);
  }

  teach() {
    const { item } = this.stage;
    if (item?.kind !== "result" || !item.mask || item.learned || this.run.busy) return;
    this.project.teach(item);
    say(`${item.picture.name} is an example now; the other pictures are looked at again.`);
    this.onTeach();
  }

  /** Told when a correction became an example. */
  onTeach = () => {};

  async revert() {
    const { item } = this.stage;
    clearTimeout(this.#keeping);
    this.painter.abandon();
    await this.run.forget(item);
    this.show(item, true);
  }

  write() {
    const { item } = this.stage;
    const { results, examples } = this.project;
    const alone = !item || (item.kind === "result" ? results : examples).length < 2;
    $("#before").disabled = $("#after").disabled = alone;
    $("#plate-title").replaceChildren(...this.#title(item));
    $("#stage").setAttribute("aria-label", item ? `Painting area: ${item.picture.name}` : "Painting area");
    $("#undo").disabled = !item?.history?.canUndo && !this.painter.corners.length;
    $("#redo").disabled = !item?.history?.canRedo;
    $("#clear").disabled = !item;
    this.#verdict(item);
    this.#correction(item);
    this.project.tell("shown");
  }

  #title(item) {
    if (!item) return [""];
    const { examples } = this.project;
    const what = item.kind === "result" ? "Result" : `Example ${examples.indexOf(item) + 1} of ${examples.length}`;
    return [h("b", {}, what), ` · ${item.picture.name}`];
  }

  #verdict(item) {
    const place = $("#verdict");
    const finding = item?.kind === "example" && item.finding;
    place.hidden = !finding;
    if (!finding) return;
    const [kind, sign, words] = verdictOf(item);
    const alone = this.project.learned?.length === 1;
    const how = alone ? "in an altered view of itself" : "by the other examples";
    const told = finding.iou == null ? "" : ` It was found ${how} with an overlap (IoU) of ${finding.iou.toFixed(2)}.`;
    place.replaceChildren(
      h("span", { class: "mark", "data-is": kind }, icon(sign), `${words}${finding.verdict === "wrong" || finding.verdict === "unusable" ? "" : " example"}.`),
      `${told} ${(finding.remarks ?? []).join(" ")}`,
    );
  }

  #correction(item) {
    const result = item?.kind === "result" && item.found ? item : null;
    $("#correct").hidden = !result;
    if (!result) return;
    $("#teach").hidden = !result.mask || result.learned;
    $("#teach").disabled = this.run.busy;
    $("#revert").hidden = !result.mask || result.learned;
    $("#correct-words").textContent = result.learned
      ? "This picture is one of your examples now."
      : result.mask
        ? "You painted here. Let the model learn from it?"
        : `${wordsOf(result)[2]}. Something wrong? Paint over it.`;
  }

  #painted() {
    const { item } = this.stage;
    if (item.kind === "example") {
      item.finding = null;
      item.prepainted = false;
      this.project.touched();
      this.lists[0].redraw(item);
    } else {
      this.lists[1].card(item)?.update();
      clearTimeout(this.#keeping);
      this.#keeping = setTimeout(() => this.run.keep(item).catch((error) => say(error.message, true)), 600);
    }
    this.write();
  }

  /** Probabilities (and prototypes, where they are looked at) at the picture's own size. */
  async #fetch(item) {
    if (item.kind !== "result" || !item.found) return;
    const guide = this.stage.view === "guide";
    if (item.layers && (item.guide || !guide)) return;
    this.#wait("Fetching what was found …");
    const { concept_version: version } = item.record;
    const whole = await maps(this.project, item, Infinity, guide);
    this.#forgetOthers(item);
    if (item.record.concept_version === version) Object.assign(item, { layers: whole.layers, guide: whole.guide });
    if (this.stage.item !== item) return;
    this.#wait("");
    this.stage.refresh();
  }

  /** Only the picture on the stage keeps its maps at full size. */
  #forgetOthers(item) {
    for (const result of this.project.results) if (result !== item) result.layers = result.guide = null;
  }

  #wait(words) {
    $("#stage-wait").hidden = !words;
    $("#stage-wait").textContent = words;
  }

  #empty(is) {
    $("#stage-empty").hidden = !is;
    $("#stage").toggleAttribute("data-empty", is);
  }
}

