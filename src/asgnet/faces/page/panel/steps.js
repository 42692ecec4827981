// Step 2's button and progress, and the three steps in the header.

import { $, $$, plural } from "../parts/dom.js";

const PHASES = {
  learning: "Learning from your examples …",
  sending: "Sending pictures …",
  finding: "Looking …",
  stopping: "Stopping …",
};

export class Steps {
  constructor(project, run) {
    Object.assign(this, { project, run, at: null });
    for (const what of ["classes", "examples", "results", "result", "stale", "phase", "progress"]) {
      project.addEventListener(what, () => this.draw());
    }
    for (const [step, section] of $$("#paint, #add, #results").entries()) {
      for (const event of ["focusin", "pointerdown"]) section.addEventListener(event, () => this.#go(step));
    }
    project.addEventListener("phase", () => this.#go(run.busy ? 1 : null));
    this.draw();
  }

  /** A person is at this step; null: wherever the next thing is to be done. */
  #go(step) {
    this.at = step;
    this.#place();
  }

  draw() {
    const { project, run } = this;
    const { results } = project;
    const painted = project.examples.some((example) => example.painted) || Boolean(project.concept && !project.stale);
    const open = results.filter((result) => project.open(result)).length;
    const done = results.some((result) => result.found);
    const failed = results.some(({ record }) => record.status === "failed");
    // Something is left to do: another concept, new pictures, or a run that was stopped.
    const left = project.stale || project.elsewhere || open > 0;
    $("#find").disabled = run.busy || !results.length || !painted || !left;
    const finished = Boolean(project.job) && !run.busy && painted && !left && !failed;
    $("#find").toggleAttribute("data-done", finished);
    $("#find use").setAttribute("href", finished ? "#icon-check" : "#icon-look");
    $("#find-words").textContent = this.#words(open, painted);
    $("#stop").hidden = !run.busy;
    $("#stop").disabled = run.phase === "stopping";
    $("#clear-pictures").hidden = run.busy || !results.length;
    this.#progress();
    this.#tick(0, painted);
    this.#tick(1, results.length > 0);
    this.#tick(2, done && !run.busy);
    this.#place();
  }

  #words(open, painted) {
    const { project, run } = this;
    const { results, classes, stale, job } = project;
    const names = classes.length > 3 ? `${classes.length} classes` : classes.join(", ");
    if (run.busy) return "Working …";
    if (!painted) return "Paint an example first";
    if (!results.length) return `Find ${names}: add pictures first`;
    if (job && (stale || project.elsewhere)) return `Find again in ${plural(results.length, "picture")}`;
    if (job && open) return `Find in ${plural(open, "more picture")}`;
    const failed = results.filter(({ record }) => record.status === "failed").length;
    if (job && failed) return `Done, but ${failed} of ${results.length} failed`;
    if (job) return results.length === 1 ? "Done" : `All ${results.length} pictures are done`;
    return `Find ${names} in ${plural(results.length, "picture")}`;
  }

  #progress() {
    const { phase, progress } = this.run;
    const bar = $("#progress-bar");
    $("#progress").hidden = !phase;
    if (!phase) return;
    const { done, total, seconds, sent } = progress;
    if (phase === "finding" && total) bar.value = done / total;
    else if (phase === "sending" && sent) bar.value = sent / total;
    else bar.removeAttribute("value");
    const counted = phase === "finding" && total ? ` ${done} of ${total}` : "";
    const left = phase === "finding" && seconds != null && done < total ? `, about ${spoken(seconds)} left` : "";
    $("#progress-words").textContent = `${PHASES[phase]}${counted}${left}`;
  }

  #tick(step, is) {
    const link = $$(".top nav a")[step];
    link.toggleAttribute("data-done", is);
    link.setAttribute("aria-label", `${link.textContent.trim()}${is ? ", done" : ""}`);
  }

  /** Which step is at hand: the one a person is at, else the first one that is not done. */
  #place() {
    const links = $$(".top nav a");
    const next = links[this.at] ?? links.find((link) => !link.hasAttribute("data-done")) ?? links[2];
    for (const link of links) {
      if (link === next) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    }
  }
}

function spoken(seconds) {
  const rounded = Math.max(1, Math.round(seconds));
  if (rounded < 90) return plural(rounded, "second");
  if (rounded < 5400) return plural(Math.round(rounded / 60), "minute");
  return plural(Math.round(rounded / 3600), "hour");
}
