// Making elements in one expression, and saying things to those who listen instead of look.

/** `h("button", {class: "quiet", onclick: f, "aria-label": "x"}, "text", child…)` */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** One of the icons drawn in index.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Tell a screen reader, and show it at the bottom for a moment. `grave`: an error, stays longer. */
export function say(words, grave = false) {
  hush();
  const live = $(grave ? "#alert" : "#status");
  live.textContent = words;
  live.dataset.shown = "";
  clearTimeout(live.timer);
  live.timer = setTimeout(() => delete live.dataset.shown, grave ? 9000 : 3500);
}

/** What was said is no longer so. */
export function hush() {
  for (const live of $$("#alert, #status")) delete live.dataset.shown;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
