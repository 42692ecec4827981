// Pictures come in: chosen, dropped (folders too), or pasted.

import { $, $$, say } from "../parts/dom.js";

const KNOWN = /\.(png|jpe?g|webp|tiff?|bmp|gif|avif|jp2|ppm|pgm)$/i;

export class Files {
  /** @param {(kind: "examples"|"pictures", files: {name: string, blob: Blob}[]) => void} take */
  constructor(take) {
    this.take = take;
    document.addEventListener("click", (event) => {
      const wanted = event.target.closest?.("[data-choose]")?.dataset.choose;
      if (wanted) $(`#choose-${wanted}`).click();
    });
    for (const [id, kind] of [["pictures", "pictures"], ["folder", "pictures"], ["examples", "examples"]]) {
      const field = $(`#choose-${id}`);
      field.addEventListener("change", () => {
        this.#give(kind, [...field.files].map((file) => ({ name: file.name, blob: file })));
        field.value = "";
      });
    }
    this.#dropZone($("#paint"), "examples");
    this.#dropZone($(".right"), "pictures");
    for (const event of ["dragover", "drop"]) document.addEventListener(event, (e) => e.preventDefault());
    document.addEventListener("paste", (event) => this.#pasted(event));
  }

  #dropZone(zone, kind) {
    const highlighted = kind === "examples" ? $(".table") : $("#drop");
    zone.addEventListener("dragover", (event) => {
      event.dataTransfer.dropEffect = "copy";
      highlighted.dataset.over = "";
    });
    zone.addEventListener("dragleave", () => delete highlighted.dataset.over);
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      for (const one of $$("[data-over]")) delete one.dataset.over;
      this.#give(kind, await dropped(event.dataTransfer));
    });
  }

  #pasted(event) {
    const files = [...event.clipboardData.files].map((file) => ({ name: file.name, blob: file }));
    if (files.length) this.#give("pictures", files);
  }

  #give(kind, files) {
    const pictures = files.filter(({ name, blob }) => blob.type.startsWith("image/") || KNOWN.test(name));
    const others = files.length - pictures.length;
    if (others && !pictures.length) say("There is no picture among these files.", true);
    else if (others) say(`${others} of the files are no pictures and are not used.`);
    if (pictures.length) this.take(kind, pictures);
  }
}

/** Files of a drop, those in folders too. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ name: file.name, blob: file }));
  return (await Promise.all(entries.map(inside))).flat();
}

async function inside(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{ name: file.name, blob: file }];
  }
  const reader = entry.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    all.push(...some);
  }
  return (await Promise.all(all.map(inside))).flat();
}
