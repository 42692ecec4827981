// Where a person was: the server keeps concepts and jobs, the browser only their names.

import * as api from "../parts/api.js";
import { Picture } from "../parts/picture.js";
import { readGrey } from "../parts/png.js";
import { Example, Result } from "./project.js";

const PLACE = "asgnet-project";

/** Keep the names of concept and job for the next visit. */
export function remember({ concept, job, sample }) {
  if (!concept) return localStorage.setItem(PLACE, JSON.stringify(sample ? {} : { own: true }));
  localStorage.setItem(PLACE, JSON.stringify({ concept: concept.id, job, sample }));
}

/** Fill the project with what was there at the last visit; false if there is nothing. */
export async function restored(project) {
  const kept = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
  if (!kept.concept) return Boolean(kept.own);
  try {
    const concept = await api.concept(kept.concept);
    const examples = await Promise.all((await api.supports(concept.id)).map((one) => supportOf(concept.id, one)));
    const job = kept.job && (await api.job(kept.job).catch(() => null));
    const results = job ? (await api.results(job.id)).map((record) => resultOf(job.id, record)) : [];
    await Promise.all(results.filter(({ record }) => record.corrected).map((result) => corrected(job.id, result)));
    const names = new Set(examples.map(({ picture }) => picture.name));
    for (const result of results) result.learned = result.record.corrected && names.has(result.record.name);
    Object.assign(project, {
      concept, examples, results, classes: [...concept.classes], stale: false, unpainted: concept.unpainted, learned: examples,
      job: job?.id ?? null, jobConcept: job?.concept ?? null, unfinished: job?.status === "running",
      sample: Boolean(kept.sample),
    });
    return true;
  } catch (error) {
    if (error.status !== 404) throw error;
    localStorage.removeItem(PLACE);
    return false;
  }
}

/** The sample: coins that come with the installation, so that nobody is greeted by an empty page. */
export async function loadSample(project) {
  const { classes, examples, pictures } = await api.sample();
  project.examples = await Promise.all(
    examples.map(async ({ name, mask }) =>
      exampleOf(samplePicture(name), (await readGrey(await api.file(api.samplePlace(mask)))).values),
    ),
  );
  project.results = pictures.map(({ name }) => new Result(samplePicture(name)));
  project.classes = classes;
  project.sample = true;
}

function samplePicture(name) {
  return new Picture(name, `v1${api.samplePlace(name)}`);
}

async function supportOf(concept, { index, name }) {
  const picture = new Picture(name, `v1${api.supportPlace(concept, index, "picture")}`);
  const mask = await readGrey(await api.file(api.supportPlace(concept, index, "mask.png")));
  return exampleOf(picture, mask.values);
}

async function exampleOf(picture, mask) {
  const example = new Example(picture);
  example.mask = mask;
  return example.prepare();
}

function resultOf(job, record) {
  const result = new Result(new Picture(record.name, `v1${api.place(job, record.index, "picture")}`));
  return Object.assign(result, { index: record.index, record });
}

async function corrected(job, result) {
  result.mask = (await readGrey(await api.file(api.place(job, result.index, "mask.png")))).values;
  await result.picture.small();
}
