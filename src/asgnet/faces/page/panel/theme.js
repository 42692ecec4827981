// Light, dark, or as the system says.

import { $, say } from "../parts/dom.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "as your system says", light: "light", dark: "dark" };

export function startTheme() {
  let theme = localStorage.getItem("asgnet-theme") ?? "auto";
  const apply = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  $("#theme").addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem("asgnet-theme", theme);
    apply();
    say(`Colours: ${WORDS[theme]}.`);
  });
  apply();
}
