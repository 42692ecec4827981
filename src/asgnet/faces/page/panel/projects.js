// The list of projects: open, new, rename, duplicate, delete; and a concept file as a project.

import * as projects from "../job/projects.js";
import { $, h, icon, say } from "../parts/dom.js";

export class Projects {
  /** @param run must not be busy when another project is opened. */
  constructor(project, run) {
    Object.assign(this, { project, run });
    $("#projects").addEventListener("click", () => this.#show());
    $("#projects-close").addEventListener("click", () => $("#projects-dialog").close());
    $("#project-new").addEventListener("click", () => this.#open(projects.create("Project")));
    $("#project-copy").addEventListener("click", () => this.#copy());
    $("#project-concept").addEventListener("click", () => $("#choose-concept").click());
    $("#choose-concept").addEventListener("change", ({ target }) => this.#concept(target));
    $("#project-name").textContent = projects.current().name;
  }

  #show() {
    this.#draw();
    $("#projects-dialog").showModal();
  }

  #draw() {
    const { id: open } = projects.current();
    $("#projects-list").replaceChildren(...projects.all().map(({ id, name }) => this.#row(id, name, id === open)));
    $("#project-name").textContent = projects.current().name;
  }

  #row(id, name, open) {
    const field = h("input", {
      type: "text", value: name, maxlength: 60, "aria-label": `Name of the project ${name}`, spellcheck: "false",
      onchange: ({ target }) => this.#rename(id, target),
    });
    return h(
      "li", {}, field,
      open
        ? h("span", { class: "mark", "data-is": "good" }, icon("check"), "Open")
        : h("button", { type: "button", onclick: () => this.#open(id) }, "Open"),
      !open && h("button", { type: "button", title: `Delete ${name}`, onclick: () => this.#remove(id, name) },
        icon("trash"), h("span", { class: "hidden" }, `Delete ${name}`)),
    );
  }

  #rename(id, field) {
    const name = field.value.trim();
    if (name) projects.rename(id, name);
    this.#draw();
  }

  #open(id) {
    if (this.run.busy) return say("Something is being looked for: stop it, or wait, before another project is opened.", true);
    projects.open(id);
    location.reload();
  }

  async #copy() {
    try {
      say("Copying …");
      this.#open(await projects.duplicate(this.project));
    } catch (error) {
      say(error.message, true);
    }
  }

  async #concept(field) {
    const [file] = field.files;
    field.value = "";
    if (!file) return;
    try {
      this.#open(await projects.fromConcept({ name: file.name, blob: file }));
    } catch (error) {
      say(error.message, true);
    }
  }

  async #remove(id, name) {
    if (!confirm(`Delete the project ${name}, with its examples and results?`)) return;
    await projects.remove(id);
    this.#draw();
    $("#projects-list input").focus();
  }
}
