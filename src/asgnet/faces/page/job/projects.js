// Several projects: the server keeps their concepts and jobs, the browser their names. One is open at a time.

import * as api from "../parts/api.js";
import { greyPng } from "../parts/png.js";

const OPEN = "asgnet-project"; // what session.js keeps of the open one
const ALL = "asgnet-projects"; // `{id, name, kept}` each
const CURRENT = "asgnet-current";

/** All projects, the open one with what is kept of it now. */
export function all() {
  const found = JSON.parse(localStorage.getItem(ALL) ?? "[]");
  let id = localStorage.getItem(CURRENT);
  if (!found.some((one) => one.id === id)) {
    id = crypto.randomUUID?.() ?? String(Date.now());
    localStorage.setItem(CURRENT, id);
    found.push({ id, name: named("Project", found), kept: {} });
  }
  const open = found.find((one) => one.id === id);
  open.kept = JSON.parse(localStorage.getItem(OPEN) ?? "{}");
  localStorage.setItem(ALL, JSON.stringify(found));
  return found;
}

export const current = () => all().find(({ id }) => id === localStorage.getItem(CURRENT));

/** Another one is open from the next load of the page on. */
export function open(id) {
  const { kept } = all().find((one) => one.id === id);
  localStorage.setItem(CURRENT, id);
  localStorage.setItem(OPEN, JSON.stringify(kept));
}

/** A new one, empty or with what is kept of it. Returns its id. */
export function create(name, kept = { own: true }) {
  const found = all();
  const id = crypto.randomUUID?.() ?? String(Date.now());
  localStorage.setItem(ALL, JSON.stringify([...found, { id, name: named(name, found), kept }]));
  return id;
}

export function rename(id, name) {
  const found = all();
  found.find((one) => one.id === id).name = name;
  localStorage.setItem(ALL, JSON.stringify(found));
}

/** Forget one that is not open, on the server, too. */
export async function remove(id) {
  const { kept } = all().find((one) => one.id === id);
  localStorage.setItem(ALL, JSON.stringify(all().filter((one) => one.id !== id)));
  const gone = [kept.job && api.forgetJob(kept.job), kept.concept && api.forget(kept.concept)];
  await Promise.all(gone.filter(Boolean).map((one) => one.catch(() => {})));
}

/** The open project's examples and pictures once more: learned anew, found anew. Returns the copy's id. */
export async function duplicate(project) {
  const { name } = current();
  const shown = project.examples.filter((example) => example.painted);
  const images = await Promise.all(shown.map(({ picture }) => picture.file()));
  const masks = await Promise.all(shown.map(async ({ picture, mask }) => ({
    name: `${picture.name}.png`, blob: await greyPng(mask, picture.width, picture.height),
  })));
  if (!shown.length) return create(`Copy of ${name}`);
  const concept = await api.learn(name.slice(0, 80), project.classes, project.unpainted, images, masks);
  const job = project.job && (await api.startFrom(concept.id, project.job));
  return create(`Copy of ${name}`, { concept: concept.id, job: job?.id ?? null });
}

/** A project with a concept that was learned elsewhere. Returns its id. */
export async function fromConcept(file) {
  const concept = await api.adopt(file);
  return create(concept.name, { concept: concept.id, job: null });
}

function named(name, others) {
  const taken = new Set(others.map((one) => one.name));
  if (name !== "Project" && !taken.has(name)) return name;
  for (let n = name === "Project" ? 1 : 2; ; n++) if (!taken.has(`${name} ${n}`)) return `${name} ${n}`;
}
