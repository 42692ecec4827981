// From examples to results: learn, send the pictures, follow the job, let the doctor look at the examples.

import * as api from "../parts/api.js";
import { greyPng, readGrey } from "../parts/png.js";

const A_TIME = 20; // pictures sent at once
const BYTES_A_TIME = 48 * 1024 * 1024;

export class Run {
  /** "", "learning", "sending", "finding", "stopping". */
  phase = "";
  progress = { done: 0, total: 0, seconds: null };
  #stopFollowing = () => {};
  #cancelled = false;

  /** @param {import("./project.js").Project} project */
  constructor(project) {
    this.project = project;
  }

  get busy() {
    return this.phase !== "";
  }

  /** Learn if the examples changed, then find in all pictures that have no answer of this concept yet. */
  async find() {
    if (this.busy) return;
    this.#cancelled = false;
    try {
      await this.#work();
    } finally {
      this.#phase("");
    }
    this.examine().catch(() => {});
  }

  async #work() {
    const { project } = this;
    await this.learn();
    if (this.#cancelled) return;
    const open = project.results.filter((result) => project.open(result));
    const fresh = open.filter((result) => result.index === null);
    if (project.job && (project.elsewhere || open.length > fresh.length)) await this.#again(open);
    if (!this.#cancelled) await this.#send(fresh);
    if (!project.job) return;
    if (this.#cancelled) await api.cancel(project.job); // what was on its way when Stop was pressed
    await this.#follow();
  }

  /** Fit the concept to the examples as they are now. */
  async learn() {
    const { project } = this;
    if (!project.stale && project.concept) return;
    const shown = project.examples.filter((example) => example.painted);
    if (!shown.length) throw new api.Problem(0, "Nothing is painted yet: paint the object in at least one example.");
    missingClass(project.classes, shown);
    this.#phase("learning");
    const images = await Promise.all(shown.map((example) => example.picture.file()));
    const masks = await Promise.all(shown.map(sentMask));
    const old = project.concept;
    const same = old && JSON.stringify(old.classes) === JSON.stringify(project.classes);
    project.stale = false; // whatever is painted from now on counts for the next time
    try {
      project.concept = same
        ? await api.relearn(old.id, project.unpainted, images, masks)
        : await api.learn(project.classes.join(", ").slice(0, 80), project.classes, project.unpainted, images, masks);
    } catch (error) {
      project.stale = true;
      throw error;
    }
    if (old && !same) await api.forget(old.id).catch(() => {}); // it was of other classes; nobody asks for it any more
    project.learned = shown;
    project.tell("stale");
    project.tell("learned");
    for (const note of project.concept.notes ?? []) project.tell("note", note);
  }

  /** The doctor's word on each example the concept was fitted with. */
  async examine() {
    const { project } = this;
    const { concept, learned } = project;
    if (!concept || !learned?.length) return; // a concept that came as a file has no examples
    project.tell("examining", true);
    try {
      for (let answer = { status: "running" }; answer.status === "running" && project.concept === concept; ) {
        answer = await api.doctor(concept.id);
        if (answer.status !== "ready" || project.concept !== concept) continue;
        for (const finding of answer.findings) learned[finding.index].finding = finding;
        project.advice = answer.advice;
      }
    } finally {
      project.tell("examining", false);
      project.tell("examples");
    }
  }

  /** What is done stays; what is being learned is learned to its end. */
  async stop() {
    const { phase } = this;
    this.#cancelled = true;
    this.#phase("stopping");
    if (this.project.job && phase !== "learning") await api.cancel(this.project.job);
  }

  /** Go on listening to a job that the server still has. */
  async resume() {
    try {
      await this.#follow();
    } finally {
      this.#phase("");
    }
  }

  /** A painted result goes to the server, so that downloads contain it. */
  async keep(result) {
    if (result.index === null || !result.found) return;
    result.record = await api.correct(this.project.job, result.index, (await sentMask(result)).blob);
    this.project.tell("result", result);
  }

  async forget(result) {
    result.mask = result.history = null;
    if (result.index !== null) result.record = await api.uncorrect(this.project.job, result.index);
    this.project.tell("result", result);
  }

  /** What was stopped goes on; if what was learned is new, every picture is segmented again. */
  async #again(open) {
    const { project } = this;
    const { elsewhere } = project;
    const all = elsewhere || open.some(({ record }) => record.status === "done");
    if (elsewhere) project.belongs(await api.startFrom(project.concept.id, project.job));
    else await api.redo(project.job, !all);
    const known = (all ? project.results : open).filter(({ index }) => index !== null);
    for (const result of known) {
      if (result.record.corrected && !elsewhere) continue;
      result.record = { ...result.record, status: "queued" };
      result.small = result.layers = result.guide = null;
      project.tell("result", result);
    }
  }

  async #send(results) {
    const { project } = this;
    if (!results.length) return;
    this.#phase("sending");
    let sent = project.results.filter((result) => result.index !== null).length;
    for (const few of portions(results, await sizes(results))) {
      if (this.#cancelled) return;
      const files = await Promise.all(few.map((result) => result.picture.file()));
      const job = project.job ? await api.more(project.job, files) : await api.start(project.concept.id, files);
      project.belongs(job);
      few.forEach((result, i) => Object.assign(result, { index: sent + i, record: { status: "queued" } }));
      sent += few.length;
      this.#told({ done: 0, total: project.results.length, seconds: null, sent });
      for (const result of few) project.tell("result", result);
    }
  }

  /** Until the job ends; resolves then. */
  #follow() {
    const { project } = this;
    if (!this.#cancelled) this.#phase("finding");
    const byIndex = new Map(project.results.map((result) => [result.index, result]));
    return new Promise((finished, failed) => {
      this.#stopFollowing = api.follow(project.job, {
        result: (record) => byIndex.has(record.index) && this.#arrived(byIndex.get(record.index), record),
        progress: (p) => this.#told({ done: p.done + p.failed, total: p.total, seconds: p.eta_seconds }),
        end: (job) => {
          project.tell("ended", job);
          finished();
        },
        lost: (how) => {
          if (how === "for good") failed(new api.Problem(0, "The connection to asgnet was lost; press the button again."));
          else project.tell("lost", Boolean(how));
        },
      });
    });
  }

  #arrived(result, record) {
    const old = result.record;
    if (record.concept_version !== old.concept_version || record.status !== old.status) {
      result.small = result.layers = result.guide = null;
    }
    result.record = record;
    this.project.tell("result", result);
    if (record.status === "done" && result.mask && !record.corrected) this.keep(result).catch(() => {});
  }

  #phase(phase) {
    this.phase = phase;
    if (!phase) this.#stopFollowing();
    this.project.tell("phase", phase);
  }

  #told(progress) {
    this.progress = progress;
    this.project.tell("progress", progress);
  }
}

/** Probabilities of each class and prototypes of a result, with a longer side of at most `most`. */
export async function maps(project, result, most = Infinity, guide = false) {
  const one = async (name, query) => readGrey(await api.file(api.place(project.job, result.index, name, query)), most);
  const layers = await Promise.all(
    project.concept.classes.map((_, i) => one("probability.png", `?class=${i + 1}`)),
  );
  const { width, height } = layers[0];
  return { layers: layers.map((l) => l.values), width, height, guide: guide ? (await one("guide.png", "")).values : null };
}

async function sentMask({ picture, mask }) {
  const blob = await greyPng(mask, picture.width, picture.height);
  return { name: `${picture.name.replace(/\.[^.]*$/, "")}.png`, blob };
}

function missingClass(classes, shown) {
  const missing = classes.filter((_, i) => !shown.some(({ mask }) => mask.includes(i + 1)));
  if (!missing.length) return;
  throw new api.Problem(0, `Nothing is painted as ${missing.join(", ")} yet: paint it in an example, or remove the class.`);
}

async function sizes(results) {
  return Promise.all(results.map(async ({ picture }) => (picture.address ? 1e6 : (await picture.file()).blob.size)));
}

function portions(results, bytes) {
  const all = [];
  let size = Infinity;
  results.forEach((result, i) => {
    if (size + bytes[i] > BYTES_A_TIME || all.at(-1).length >= A_TIME) {
      all.push([]);
      size = 0;
    }
    all.at(-1).push(result);
    size += bytes[i];
  });
  return all;
}
