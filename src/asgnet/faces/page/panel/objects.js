// The objects of the result on the stage: how many, how large, each one's row; tables of all pictures.

import * as api from "../parts/api.js";
import { $, h, icon, say } from "../parts/dom.js";
import { readGrey } from "../parts/png.js";
import { histogram } from "./histogram.js";
import { objectAt, ring } from "./pick.js";

const PAUSE = 250; // milliseconds for which the threshold rests before the objects are counted
const SHOWN = 200; // rows of the list
const STILL = 5; // a click moves by fewer pixels
const UNITS = { px: ["px", "px²"], um: ["µm", "µm²"] };
const FIELDS = ["area", "perimeter", "feret", "circularity", "orientation", "score", "mean_red", "mean_green", "mean_blue"];

export class Objects {
  #key = "";
  #rows = [];
  #chosen = null;
  #timer = 0;
  #pressed = [0, 0];

  /** @param {import("./results.js").Results} results says how results are looked at. */
  constructor(project, stage, painter, results) {
    Object.assign(this, { project, stage, painter, results });
    this.size = h("input", { id: "pixel-size", type: "text", placeholder: "0.25um", size: 7, maxlength: 40, autocomplete: "off" });
    this.total = h("p", { id: "objects-total", role: "status" });
    this.plot = h("div", { id: "objects-plot" });
    this.row = h("dl", { id: "object-row", "aria-live": "polite" });
    this.remove = h("button", { type: "button", id: "object-remove", hidden: true, onclick: () => this.#remove() }, "Remove this object");
    this.list = h("ol", { id: "objects-list", "aria-label": "Objects, the largest first" });
    this.panel = h(
      "details", { id: "objects", class: "objects", hidden: true },
      h("summary", {}, "Objects: count and measure"),
      h("div", { class: "row spread" }, this.total, h("label", {}, h("span", {}, "Side of a pixel "), this.size)),
      this.plot, this.row, this.remove, this.list,
    );
    $("#correct").after(this.panel);
    this.links = ["counts", "measures"].map((what) => link(what));
    $("#download-concept").closest("li").before(...this.links.map((one) => h("li", {}, one)));
    for (const what of ["shown", "result", "phase"]) project.addEventListener(what, () => this.#look());
    for (const place of ["#threshold", "#absent"]) $(place).addEventListener("input", () => this.#look());
    this.size.addEventListener("change", () => this.#look());
    this.panel.addEventListener("toggle", () => this.#look());
    stage.marks.addEventListener("pointerdown", (event) => (this.#pressed = [event.clientX, event.clientY]));
    stage.marks.addEventListener("click", (event) => this.#clicked(event));
    const { drawMarks } = stage;
    stage.drawMarks = (context, frame) => {
      drawMarks(context, frame);
      if (this.#chosen && this.#open) ring(context, frame, this.#chosen);
    };
  }

  get #open() {
    return this.panel.open && !this.panel.hidden;
  }

  get #how() {
    const { threshold, empty } = this.results.look();
    return [threshold, empty ? "empty" : "mark", this.size.value.trim()];
  }

  /** What is on the stage, or how it is looked at, may have changed. */
  #look() {
    const { item } = this.stage;
    const { job } = this.project;
    const is = item?.kind === "result" && item.found && item.index !== null && Boolean(job);
    this.panel.hidden = !is;
    if (job) for (const one of this.links) one.href = api.tableAddress(job, one.dataset.what, ...this.#how);
    const key = is && this.panel.open ? JSON.stringify([job, item.index, this.#how, item.record]) : "";
    if (key === this.#key) return;
    this.#key = key;
    this.#choose(null);
    clearTimeout(this.#timer);
    if (key) this.#timer = setTimeout(() => this.#count(key, job, item.index), PAUSE);
  }

  async #count(key, job, index) {
    let said = { objects: [], classes: [] };
    let problem = "";
    try {
      said = await api.objects(job, index, ...this.#how);
    } catch (error) {
      problem = error.message;
    }
    if (key !== this.#key) return; // another picture, or another threshold, by now
    this.#rows = said.objects;
    this.total.textContent = problem || said.classes.map(inWords).join("; ");
    this.plot.replaceChildren(...(said.objects.length ? [histogram(said.objects.map(({ area }) => area), said.objects[0].unit)] : []));
    this.list.replaceChildren(...said.objects.slice(0, SHOWN).map((one) => h("li", {}, this.#button(one))));
    if (said.objects.length > SHOWN) this.list.append(h("li", {}, `and ${said.objects.length - SHOWN} smaller ones: see the table`));
  }

  #button(one) {
    return h(
      "button", { type: "button", "aria-pressed": "false", "data-object": one.object, onclick: () => this.#choose(one) },
      `${one.object}: ${short(one.area)} ${unitsOf(one)[1]}`,
    );
  }

  /** With the tool that moves the picture a click asks for an object; the others paint. */
  #clicked(event) {
    if (!this.#open || this.painter.tool !== "hand") return;
    const [x, y] = this.#pressed;
    if (Math.hypot(event.clientX - x, event.clientY - y) >= STILL) return;
    const { frame, item } = this.stage;
    const point = frame.toPicture(...this.stage.at(event));
    this.#choose(objectAt(this.#rows, this.stage.labels(), item.picture.width, point));
  }

  /** A correction like any other: it can be undone, and downloads have it. */
  async #remove() {
    const [one, key, { item }] = [this.#chosen, this.#key, this.stage];
    try {
      const { values } = await readGrey(await api.objectPixels(this.project.job, item.index, one.object, ...this.#how.slice(0, 2)));
      if (key === this.#key) this.painter.remove(values); // else something else is on the stage by now
    } catch (error) {
      say(error.message, true);
    }
  }

  #choose(one) {
    this.#chosen = one;
    for (const button of this.list.querySelectorAll("button")) {
      const is = Number(button.dataset.object) === one?.object;
      button.setAttribute("aria-pressed", String(is));
      if (is) button.scrollIntoView({ block: "nearest" });
    }
    this.remove.hidden = !one;
    const [length, area] = one ? unitsOf(one) : [];
    const units = { area, perimeter: length, feret: length };
    const told = one ? [["object", one.object], ["class", one.class], ...FIELDS.map((name) => [name, one[name]])] : [];
    this.row.replaceChildren(
      ...told.filter(([, value]) => value != null).map(([name, value]) =>
        h("div", {}, h("dt", {}, name.replace("_", " ")), h("dd", {}, `${short(value)} ${units[name] ?? ""}`)),
      ),
    );
    this.stage.refreshMarks();
  }
}

function inWords({ class: name, count, count_low: low, count_high: high, mean_area: mean, unit }) {
  const between = low == null ? "" : ` (${low} to ${high})`;
  return `${name}: ${count}${between}${mean == null ? "" : `, mean area ${short(mean)} ${unitsOf({ unit })[1]}`}`;
}

function short(value) {
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
}

function unitsOf({ unit }) {
  return UNITS[unit] ?? [unit, `${unit}²`];
}

function link(what) {
  const words = what === "counts" ? "Counts" : "Measures";
  const of = what === "counts" ? "a row a picture, CSV" : "a row an object, CSV";
  return h(
    "a", { class: "button", id: `download-${what}`, download: true, "data-what": what },
    icon("download"), h("span", {}, `${words} `, h("small", {}, of)),
  );
}
