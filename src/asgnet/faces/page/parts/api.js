// The server's /v1, one function a question. What it refuses arrives as a Problem with its own sentence.

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const PATIENCE = 8; // so often a busy server is asked again

async function ask(path, options = {}, tries = PATIENCE) {
  let answer;
  try {
    answer = await fetch(`v1${path}`, options);
  } catch {
    throw new Problem(0, "asgnet does not answer. Is it still running? Start it again with asgnet serve.");
  }
  if (answer.ok) return answer;
  const wait = Number(answer.headers.get("Retry-After"));
  if ((answer.status === 429 || answer.status === 503) && wait && tries) {
    await new Promise((go) => setTimeout(go, Math.min(wait, 10) * 1000));
    return ask(path, options, tries - 1);
  }
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, problem.detail || problem.title || `asgnet answered ${answer.status}.`);
}

/** Fields and files as multipart; lists become several fields of one name. */
function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one instanceof Blob) data.append(name, one, one.name || name);
      else if (one && one.blob) data.append(name, one.blob, one.name);
      else data.append(name, typeof one === "object" ? JSON.stringify(one) : one);
    }
  }
  return data;
}

const json = async (path, options) => (await ask(path, options)).json();
const send = (path, method, fields) => json(path, { method, body: form(fields) });

export const limits = () => json("");
export const sample = () => json("/sample");

/** `pictures`, `masks`: lists of `{name, blob}`. */
export const learn = (name, classes, unpainted, images, masks) =>
  send("/concepts", "POST", { name, classes: JSON.stringify(classes), unpainted, images, masks });
export const relearn = (id, unpainted, images, masks) =>
  send(`/concepts/${id}/supports`, "PUT", { unpainted, images, masks });
/** A concept file that was made elsewhere. */
export const adopt = (file) => send("/concepts/file", "POST", { file });
export const forgetJob = (id) => ask(`/jobs/${id}`, { method: "DELETE" });
export const forget = (id) => ask(`/concepts/${id}`, { method: "DELETE" });
export const concept = (id) => json(`/concepts/${id}`);
export const supports = async (id) => (await json(`/concepts/${id}/supports`)).supports;
export const doctor = (id) => json(`/concepts/${id}/doctor?wait=25`);

export const start = (concept, pictures) => send("/jobs", "POST", { concept, pictures });
export const startFrom = (concept, job) => send("/jobs", "POST", { concept, from_job: job });
export const more = (id, pictures) => send(`/jobs/${id}/pictures`, "POST", { pictures });
export const redo = (id, unfinished) => json(`/jobs/${id}/redo${unfinished ? "?only=unfinished" : ""}`, { method: "POST" });
export const cancel = (id) => json(`/jobs/${id}/cancel`, { method: "POST" });
export const job = (id) => json(`/jobs/${id}`);
export const results = async (id) => (await json(`/jobs/${id}/results`)).results;

export const correct = (id, index, mask) => send(`/jobs/${id}/results/${index}/mask`, "PUT", { mask });
export const uncorrect = (id, index) => json(`/jobs/${id}/results/${index}/mask`, { method: "DELETE" });

/** Where things of a result lie; `name`: mask.png, probability.png, guide.png, picture. */
export const place = (id, index, name, query = "") => `/jobs/${id}/results/${index}/${name}${query}`;
export const supportPlace = (id, index, name) => `/concepts/${id}/supports/${index}/${name}`;
export const samplePlace = (name) => `/sample/${encodeURIComponent(name)}`;
export const file = async (path) => (await ask(path)).blob();
/** A file by its address relative to the page. */
export const fetched = (address) => file(address.replace(/^\/?v1/, ""));

export const propose = async (picture, clicks, box) => {
  const fields = { picture, ...(clicks.length && { clicks: JSON.stringify(clicks) }), ...(box && { box: JSON.stringify(box) }) };
  return (await ask("/propose", { method: "POST", body: form(fields) })).blob();
};
/** What a concept finds in a picture: a grey PNG of class indices. */
export const segment = async (concept, picture) =>
  (await ask("/segment", { method: "POST", body: form({ concept, format: "png", picture }) })).blob();
export const view = async (picture) => (await ask("/view", { method: "POST", body: form({ picture }) })).blob();

export const downloadAddress = (id, format, threshold, absent) =>
  `v1/jobs/${id}/download?format=${format}&threshold=${threshold}&absent=${absent}`;
/** The objects in a picture, `{objects, classes}`: rows of what was measured. */
export const objects = (id, index, threshold, absent, pixelSize) =>
  json(`/jobs/${id}/results/${index}/objects?${cut(threshold, absent, pixelSize)}`);
/** The pixels of one of them, a grey PNG. */
export const objectPixels = (id, index, number, threshold, absent) =>
  file(`/jobs/${id}/results/${index}/objects/${number}.png?${cut(threshold, absent, "")}`);
/** `what`: "measures" or "counts". */
export const tableAddress = (id, what, threshold, absent, pixelSize) =>
  `v1/jobs/${id}/${what}.csv?${cut(threshold, absent, pixelSize)}`;
const cut = (threshold, absent, pixelSize) => new URLSearchParams({ threshold, absent, pixel_size: pixelSize });
export const conceptAddress = (id) => `v1/concepts/${id}/file`;

/** What happens in a job, as it happens: calls `on.result`, `on.progress`, `on.end`, `on.lost`. Returns a stop. */
export function follow(id, on) {
  const events = new EventSource(`v1/jobs/${id}/events`);
  const listen = (name, then) => events.addEventListener(name, (event) => then(JSON.parse(event.data)));
  listen("result", on.result);
  listen("progress", on.progress);
  listen("end", (last) => {
    events.close();
    on.end(last);
  });
  events.addEventListener("open", () => on.lost(false));
  events.addEventListener("error", () => on.lost(events.readyState === EventSource.CLOSED ? "for good" : "for now"));
  return () => events.close();
}
