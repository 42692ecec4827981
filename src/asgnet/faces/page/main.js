// asgnet's page: puts the parts together. Painting: paint/, looking: view/, working: job/, what stands where: panel/.

import { Project } from "./job/project.js";
import { proposed } from "./job/propose.js";
import { Run } from "./job/run.js";
import { loadSample, remember, restored } from "./job/session.js";
import { Cursor } from "./paint/cursor.js";
import { Painter } from "./paint/painter.js";
import { Pointer } from "./paint/pointer.js";
import { BinPanel } from "./panel/bin.js";
import { Classes } from "./panel/classes.js";
import { Desk } from "./panel/desk.js";
import { Examples } from "./panel/examples.js";
import { Eye } from "./panel/eye.js";
import { Files } from "./panel/files.js";
import { Keys } from "./panel/keys.js";
import { Objects } from "./panel/objects.js";
import { Projects } from "./panel/projects.js";
import { Results } from "./panel/results.js";
import { Steps } from "./panel/steps.js";
import { These } from "./panel/these.js";
import { Toolbar } from "./panel/toolbar.js";
import { startTheme } from "./panel/theme.js";
import { segment } from "./parts/api.js";
import { $, hush, say } from "./parts/dom.js";
import { keepFocus } from "./parts/focus.js";
import { readGrey } from "./parts/png.js";
import { Stage } from "./view/stage.js";

const project = new Project();
const run = new Run(project);
const stage = new Stage($("#stage"));
const painter = new Painter(stage, proposed);
const cursor = new Cursor(painter);
const pointer = new Pointer(painter, cursor);
const desk = new Desk(project, run, stage, painter);
const examples = new Examples(project, desk.show);
const results = new Results(project, run, stage, show);
const classes = new Classes(project, painter);
new Objects(project, stage, painter, results);
new These(project, run, stage, painter);
const toolbar = new Toolbar(painter, stage, desk);
desk.lists = [examples, results];
desk.onTeach = find;
new Steps(project, run);
const eye = new Eye(stage);
new Keys({ eye, painter, cursor, pointer, stage, classes, desk, results, chooseTool: toolbar.choose, find });
new Files(take);
new BinPanel(project.bin);
project.bin.addEventListener("change", () => !stage.item && project.examples.length && desk.show(project.examples[0]));
new Projects(project, run);
startTheme();
keepFocus();

painter.addEventListener("asking", () => say("Looking for the object …"));
painter.addEventListener("answered", hush);
painter.addEventListener("failed", ({ detail }) => say(detail.message, true));
project.addEventListener("refused", ({ detail }) => say(detail, true));
project.addEventListener("note", ({ detail }) => say(detail));
project.addEventListener("lost", ({ detail }) => detail && say("asgnet does not answer; still trying …", true));
project.addEventListener("ended", ({ detail: { status, done, total } }) => {
  say(`${status === "cancelled" ? "Stopped" : "Finished"}: ${done} of ${total} pictures.`);
});
for (const what of ["phase", "results", "stale"]) {
  project.addEventListener(what, () => {
    desk.write();
    remember(project);
  });
}

$("#find").addEventListener("click", find);
$("#unpainted").addEventListener("change", ({ target }) => project.says(target.value));
project.addEventListener("stale", () => ($("#unpainted").value = project.unpainted));
$("#stop").addEventListener("click", () => run.stop().catch(complain));
$("#clear-pictures").addEventListener("click", () => {
  project.clearPictures();
  if (stage.item?.kind === "result") desk.show(project.examples[0] ?? null);
});
$("#own").addEventListener("click", () => {
  project.clear();
  remember(project);
  $("#welcome").hidden = true;
  desk.show(null);
  $('#stage-empty [data-choose="examples"]').focus();
});
window.addEventListener("beforeunload", (event) => {
  if (project.stale && !project.sample && project.examples.some((example) => example.history?.canUndo)) {
    event.preventDefault();
  }
});

/** A person looks at a result: on a narrow screen the stage comes into view. */
function show(item, still = false) {
  desk.show(item, still);
  if (!still && !matchMedia("(min-width: 1000px)").matches) $(".table").scrollIntoView({ block: "start" });
}

async function find() {
  if (run.busy || $("#find").disabled) return;
  try {
    await run.find();
  } catch (error) {
    complain(error);
  }
}

async function take(kind, files) {
  leaveSample(kind);
  if (kind === "pictures") return project.addPictures(files);
  try {
    const added = await project.addExamples(files);
    if (added.length) await desk.show(added[0]);
    await prepaint(added);
  } catch (error) {
    complain(error);
  }
}

/** From the second example on a picture opens as the concept would paint it: to be corrected, or undone. */
async function prepaint(examples) {
  const { concept } = project;
  if (!concept || concept.classes.length !== project.classes.length) return;
  for (const example of examples) {
    const { values } = await readGrey(await segment(concept.id, await example.picture.file()));
    if (example.painted || example.history.canUndo || !project.examples.includes(example)) continue;
    if (!values.some(Boolean)) continue;
    example.history.begin();
    example.mask.set(values);
    example.history.end();
    example.prepainted = true;
    project.touched();
    project.tell("examples");
    if (stage.item === example) {
      stage.refresh();
      desk.write();
      say("Painted by what was learned so far: correct it, or undo.");
    }
  }
}

/** The first picture of one's own takes the sample's place. */
function leaveSample(kind) {
  if (!project.sample) return;
  if (kind === "examples") project.clear();
  else project.clearPictures();
  project.sample = kind === "pictures";
  $("#welcome").hidden = true;
}

function complain(error) {
  say(error.message, true);
  console.info(error);
}

async function begin() {
  try {
    if (!(await restored(project))) await loadSample(project);
  } catch (error) {
    complain(error);
  }
  $("#welcome").hidden = !project.sample;
  for (const what of ["classes", "examples", "results", "stale"]) project.tell(what);
  await desk.show(project.examples[0] ?? null);
  toolbar.draw();
  document.documentElement.dataset.ready = "";
  if (project.unfinished) await run.resume().catch(complain);
  if (!project.stale) run.examine().catch(complain);
}

begin();
