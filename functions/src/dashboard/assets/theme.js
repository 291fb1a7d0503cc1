// Light or dark, as chosen here and kept by the browser, or else as the system has it.
"use strict";

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

function choose(theme) {
  root.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // A browser that keeps nothing shows this page as asked for, and the next one as before.
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
}

if (chosen() === "light" || chosen() === "dark") {
  root.dataset.theme = chosen();
}

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    choose(isDark() ? "light" : "dark");
    show();
  });
  dark.addEventListener("change", show);
  show();
});
