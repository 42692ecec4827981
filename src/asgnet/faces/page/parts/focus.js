// A button that did its work often goes away: the keyboard goes on where it was, not at the top of the page.

import { $ } from "./dom.js";

let last = null; // what had the focus, where that was, and what was asked to be chosen there

/** Keep the focus near, whenever what had it is removed, hidden or disabled. */
export function keepFocus() {
  document.addEventListener("focusin", ({ target }) => {
    last = { target, home: target.closest("dialog, section, header"), choose: target.dataset.choose };
  });
  new MutationObserver(() => setTimeout(restore, 60)).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["hidden", "disabled", "open"],
  });
}

function restore() {
  const lost = !document.activeElement || document.activeElement === document.body;
  if (!lost || !last || seen(last.target) || !document.hasFocus()) return;
  const { home, choose } = last;
  last = null;
  const same = choose && [...document.querySelectorAll(`[data-choose="${choose}"]`)].find(seen);
  const next = same || (home?.id === "paint" ? $("#stage") : home);
  next?.focus({ preventScroll: true });
}

function seen(element) {
  return element.isConnected && !element.disabled && element.checkVisibility();
}
