// What a person has given and got: classes, examples, pictures with their results. Nothing here draws.

import { Bin } from "./bin.js";
import { History } from "../paint/history.js";
import { Picture } from "../parts/picture.js";
import { GROUND } from "../view/palette.js";

/** An example: a picture, painted by a person. */
export class Example {
  kind = "example";
  layers = null;
  guide = null;
  /** What the doctor says of it; null before. */
  finding = null;
  /** Pieces that the concept takes for the object, too; and the number of each pixel's. */
  pieces = [];
  maybe = null;

  constructor(picture, mask = null) {
    this.picture = picture;
    this.mask = mask;
    this.history = mask && new History(mask, picture.width);
  }

  /** Make the mask as soon as the picture's size is known. */
  async prepare() {
    await this.picture.small();
    this.mask ??= new Uint8Array(this.picture.width * this.picture.height);
    this.history ??= new History(this.mask, this.picture.width);
    return this;
  }

  get painted() {
    return Boolean(this.mask?.some((label) => label > 0 && label < GROUND));
  }
}

/** A picture of the pile, and what was found in it. */
export class Result {
  kind = "result";
  /** Painted by hand; null where the model's word stands. */
  mask = null;
  history = null;
  /** Probabilities and prototypes at the picture's own size, while it is on the stage. */
  layers = null;
  guide = null;
  /** The same for the card. */
  small = null;
  /** What the server says: status, presence, uncertainty … */
  record = { status: "new" };
  /** Its number in the job; null before. */
  index = null;
  /** Its painting became an example. */
  learned = false;

  constructor(picture) {
    this.picture = picture;
  }

  get found() {
    return this.record.status === "done";
  }
}

export class Project extends EventTarget {
  classes = ["object"];
  examples = [];
  results = [];
  concept = null; // the server's Concept
  job = null; // id of the server's job
  jobConcept = null; // id of the concept that the job looks for
  /** Examples changed since the concept was fitted. */
  stale = true;
  sample = false;
  /** What unpainted pixels of the examples are: "auto", "background" or "unknown". */
  unpainted = "auto";
  /** What was removed. */
  bin = new Bin();

  tell(what, detail = null) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  addClass(name) {
    this.classes.push(name || `class ${this.classes.length + 1}`);
    this.touched();
    this.tell("classes");
  }

  rename(label, name) {
    this.classes[label - 1] = name;
    this.touched();
    this.tell("classes");
  }

  /** Only the last class goes, so that no other changes its number. */
  dropClass() {
    const label = this.classes.length;
    const name = this.classes.pop();
    const painted = new Map();
    for (const example of this.examples) {
      const { mask, picture } = example;
      if (!mask) continue;
      const pixels = [];
      for (let i = 0; i < mask.length; i++) if (mask[i] === label) pixels.push(i);
      for (const at of pixels) mask[at] = 0;
      painted.set(example, Int32Array.from(pixels));
      example.history = new History(mask, picture.width);
    }
    this.bin.put(`Class ${name}`, () => this.#classBack(name, painted));
    this.touched();
    this.tell("classes");
    this.tell("examples");
  }

  /** A class that was dropped, painted where nothing was painted meanwhile. */
  #classBack(name, painted) {
    this.classes.push(this.classes.includes(name) ? `${name} again` : name);
    for (const [example, pixels] of painted) {
      const { mask, picture } = example;
      for (const at of pixels) mask[at] ||= this.classes.length;
      example.history = new History(mask, picture.width);
    }
    this.touched();
    this.tell("classes");
    this.tell("examples");
  }

  /**
   * Those that can be read; the others are said.
   * @param {{name: string, blob: Blob}[]} files
   */
  async addExamples(files) {
    const added = [];
    const refused = [];
    for (const { name, blob } of files) {
      await new Example(new Picture(name, blob)).prepare().then((example) => added.push(example), (error) => refused.push(error));
    }
    if (added.length) {
      this.examples.push(...added);
      this.touched();
      this.tell("examples");
    }
    if (refused.length) this.tell("refused", refused.map(({ message }) => message).join(" "));
    return added;
  }

  teach(result) {
    const example = new Example(result.picture, result.mask.slice());
    this.examples.push(example);
    result.learned = true;
    this.touched();
    this.tell("examples");
    this.tell("result", result);
    return example;
  }

  /** Say what unpainted pixels are. */
  says(unpainted) {
    this.unpainted = unpainted;
    this.touched();
  }

  removeExample(example) {
    const place = this.examples.indexOf(example);
    this.examples = this.examples.filter((one) => one !== example);
    this.bin.put(`Example ${example.picture.name}`, () => {
      this.examples.splice(place, 0, example);
      this.touched();
      this.tell("examples");
    });
    for (const result of this.results) if (result.picture === example.picture) result.learned = false;
    this.touched();
    this.tell("examples");
  }

  addPictures(files) {
    this.results.push(...files.map(({ name, blob }) => new Result(new Picture(name, blob))));
    this.tell("results");
  }

  /** From now on the results are those of this job. */
  belongs({ id, concept }) {
    this.job = id;
    this.jobConcept = concept;
  }

  /** The job looks for an older concept, of other classes. */
  get elsewhere() {
    return Boolean(this.job && this.concept) && this.jobConcept !== this.concept.id;
  }

  /** Still to be segmented: new, stopped, or found with an older version of what was learned. */
  open({ index, record }) {
    if (index === null || record.status === "cancelled") return true;
    if (record.status !== "done" || record.corrected) return false;
    return this.elsewhere || record.concept_version !== this.concept?.version;
  }

  clearPictures() {
    const { results, job, jobConcept } = this;
    if (results.length) {
      this.bin.put(results.length === 1 ? results[0].picture.name : `${results.length} pictures`, () => {
        if (this.results.length) this.results.push(...results.map(({ picture }) => new Result(picture)));
        else Object.assign(this, { results, job, jobConcept });
        this.tell("results");
      });
    }
    this.results = [];
    this.job = null;
    this.tell("results");
  }

  /** Examples or classes changed: what is learned is no longer what is painted. */
  touched() {
    this.stale = true;
    this.tell("stale");
  }

  /** Begin anew with nothing. */
  clear() {
    Object.assign(this, { classes: ["object"], examples: [], results: [], concept: null, job: null, stale: true });
    this.sample = false;
    for (const what of ["classes", "examples", "results", "stale"]) this.tell(what);
  }
}
