"use strict";
const gallery = document.getElementById("gallery");
const slider = document.getElementById("opacity");
if (gallery && slider) {
  const output = gallery.querySelector("output[for=opacity]");
  const show = () => {
    gallery.style.setProperty("--opacity", slider.value / 100);
    output.textContent = `${slider.value} %`;
  };
  slider.addEventListener("input", show);
  show(); // a reloaded page keeps the slider where it was
}
const outlined = document.getElementById("outlined");
if (gallery && outlined) {
  const show = () => gallery.classList.toggle("plain", !outlined.checked);
  outlined.addEventListener("change", show);
  show();
}
const ordered = document.getElementById("ordered");
if (gallery && ordered) {
  const show = () => gallery.classList.toggle("unnumbered", !ordered.checked);
  ordered.addEventListener("change", show);
  show();
}
const budget = document.getElementById("budget");
if (gallery && budget) {
  const show = () => {
    for (const part of gallery.querySelectorAll("[data-step]")) part.hidden = part.dataset.step !== budget.value;
  };
  budget.addEventListener("input", show);
  show();
}
