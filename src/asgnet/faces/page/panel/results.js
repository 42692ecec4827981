// Step 3: the cards, how they are looked at, and in which order.

import { maps } from "../job/run.js";
import * as api from "../parts/api.js";
import { $, $$, plural } from "../parts/dom.js";
import { VIEWS } from "../view/lens.js";
import { Card } from "./card.js";

const CARD_SIDE = 480;
const ORDERS = {
  uncertainty: (a, b) => uncertaintyOf(b) - uncertaintyOf(a),
  order: () => 0,
  name: (a, b) => a.picture.name.localeCompare(b.picture.name, undefined, { numeric: true }),
  area: (a, b) => (b.record.area_fraction ?? -1) - (a.record.area_fraction ?? -1),
};

const TOLD = {
  overlay: "",
  outline: "",
  cutout: "Only the object is left.",
  guide: "Each colour is a part of your example; every pixel takes the colour of the part it resembles most.",
  probability: "Bright is surely the object, dark surely not; the white line is the threshold.",
};

export class Results {
  #cards = new Map(); // Result -> Card
  #sorting = 0;
  #seen = new IntersectionObserver((changes) => this.#scrolled(changes), { rootMargin: "200px" });

  constructor(project, run, stage, show) {
    Object.assign(this, { project, run, stage, show });
    project.addEventListener("results", () => this.#rebuild());
    project.addEventListener("result", ({ detail }) => this.#changed(detail));
    project.addEventListener("phase", () => this.#settle());
    for (const radio of $$("input[name=view]")) radio.addEventListener("change", () => this.choose(radio.value));
    $("#threshold").addEventListener("input", () => this.#cut());
    $("#sort").addEventListener("change", () => this.#sort());
    $("#absent").addEventListener("change", () => this.#look());
  }

  /** How cards are drawn now. */
  look() {
    return { view: this.stage.view, threshold: this.stage.threshold, empty: $("#absent").checked };
  }

  /** Probabilities for a card, small; kept with the result. */
  async load(result, view) {
    const guide = view === "guide";
    if (!result.small || (guide && !result.small.guide)) {
      const { concept_version: version } = result.record;
      const small = await maps(this.project, result, CARD_SIDE, guide);
      if (result.record.concept_version !== version) return null;
      result.small = small;
    }
    return result.small;
  }

  choose(view) {
    this.stage.view = view;
    $(`input[name=view][value=${view}]`).checked = true;
    this.#look();
  }

  nextView() {
    this.choose(VIEWS[(VIEWS.indexOf(this.stage.view) + 1) % VIEWS.length]);
    return this.stage.view;
  }

  /** Results as the cards stand. */
  inOrder() {
    return [...this.project.results].sort(ORDERS[$("#sort").value]);
  }

  mark(item) {
    for (const [result, card] of this.#cards) {
      card.element.toggleAttribute("data-current", result === item);
      card.button.setAttribute("aria-pressed", String(result === item));
    }
  }

  card(result) {
    return this.#cards.get(result);
  }

  #rebuild() {
    const old = this.#cards;
    this.#cards = new Map();
    for (const result of this.project.results) {
      const card = old.get(result) ?? new Card(result, this);
      this.#cards.set(result, card);
      if (!old.has(result)) this.#seen.observe(card.element);
    }
    this.#settle();
  }

  #changed(result) {
    this.#cards.get(result)?.update();
    if (result === this.stage.item) this.show(result, true);
    this.#sorting ||= setTimeout(() => this.#settle(), 300);
  }

  /** Order and words, now: what says that all is done stands above cards in their last order. */
  #settle() {
    clearTimeout(this.#sorting);
    this.#sorting = 0;
    this.#sort();
    this.#words();
  }

  /** Put the cards in order without taking the focus away. */
  #sort() {
    const list = $("#cards");
    const wanted = this.inOrder().map((result) => this.#cards.get(result).element);
    if (wanted.length === list.children.length && wanted.every((card, i) => list.children[i] === card)) return;
    const focused = document.activeElement;
    list.replaceChildren(...wanted);
    if (focused?.closest?.(".card")) focused.focus({ preventScroll: true });
  }

  #cut() {
    this.stage.threshold = Number($("#threshold").value);
    $("#threshold-out").textContent = this.stage.threshold.toFixed(2);
    this.#look();
  }

  #look() {
    $("#view-words").textContent = TOLD[this.stage.view];
    this.stage.refresh();
    for (const card of this.#cards.values()) if (card.visible) card.draw();
    if (this.stage.item?.found) this.show(this.stage.item, true);
    this.#addresses();
  }

  #scrolled(changes) {
    for (const { target, isIntersecting } of changes) {
      const card = [...this.#cards.values()].find(({ element }) => element === target);
      if (!card) continue;
      card.visible = isIntersecting;
      if (isIntersecting) card.draw();
    }
  }

  #words() {
    const { results } = this.project;
    const found = results.filter((result) => result.found);
    const failed = results.filter(({ record }) => record.status === "failed").length;
    const absent = found.filter(({ record, mask }) => record.present === false && !mask).length;
    $("#desk").hidden = !found.length;
    $("#downloads").hidden = !found.length || this.run.busy;
    $("#empty-results").hidden = results.length > 0;
    const parts = [`${found.length} of ${plural(results.length, "picture")} done`];
    if (absent) parts.push(`${absent} perhaps without the object`);
    if (failed) parts.push(`${failed} failed`);
    $("#results-words").textContent = found.length || failed ? `${parts.join(", ")}.` : "They appear here one by one.";
    this.#addresses();
  }

  #addresses() {
    const { job, concept } = this.project;
    if (!job || !concept) return;
    const { threshold, empty } = this.look();
    for (const format of ["png", "coco", "yolo"]) {
      $(`#download-${format}`).href = api.downloadAddress(job, format, threshold, empty ? "empty" : "mark");
    }
    $("#download-concept").href = api.conceptAddress(concept.id);
  }
}

/** Pictures that nobody needs to check come last. */
function uncertaintyOf({ record, mask, learned }) {
  if (mask || learned) return -1;
  if (record.status === "failed") return 2;
  return record.status === "done" ? (record.uncertainty ?? 0) : -0.5;
}
