"use strict";
// Every plot and table stands in the page without this script. It adds a choice of the frontier's axis, points and
// curves that take the focus and tell their figures, and one setting marked in all plots and tables at once.
// Names and figures are read from the page's own table and written as text, never as markup.

const told = document.getElementById("told");
const tip = element("div", { className: "tip", hidden: true });
tip.setAttribute("role", "tooltip");
document.body.append(tip);
let chosen = "";

for (const row of document.querySelectorAll(".summary tbody tr")) addButton(row);
for (const figure of document.querySelectorAll(".plot")) addMarks(figure);
for (const plots of document.querySelectorAll(".plots")) addChoice(plots);
tip.addEventListener("pointerleave", hideTip);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function place(mark) {
  return `[data-chapter="${mark.closest("[data-chapter]").dataset.chapter}"]`;
}

function rowOf(mark) {
  return document.querySelector(`${place(mark)} .summary [data-setting="${mark.dataset.setting}"]`);
}

function figuresOf(row) {
  const headings = [...row.closest("table").tHead.rows[0].cells];
  const figures = headings.flatMap((heading, at) => {
    if (!("figure" in heading.dataset)) return [];
    const unit = heading.querySelector("small")?.textContent ?? "";
    return [`${heading.firstChild.textContent} ${row.cells[at].textContent} ${unit}`.trim()];
  });
  return row.dataset.more ? [...figures, row.dataset.more] : figures;
}

function showTip(mark, x, y) {
  const row = rowOf(mark);
  const lines = figuresOf(row).map((text) => element("span", { textContent: text }));
  tip.replaceChildren(element("strong", { textContent: row.cells[0].textContent }), ...lines);
  tip.hidden = false;
  const right = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${window.scrollX + Math.max(0, Math.min(x, right))}px`;
  tip.style.top = `${window.scrollY + y}px`;
}

function hideTip() {
  tip.hidden = true;
}

function choose(mark) {
  const selector = `${place(mark)} [data-setting="${mark.dataset.setting}"]`;
  for (const other of document.querySelectorAll(".chosen")) press(other, false);
  chosen = chosen === selector ? "" : selector;
  if (chosen) for (const one of document.querySelectorAll(chosen)) press(one, true);
  told.textContent = `${rowOf(mark).cells[0].textContent}: ${chosen ? "marked in all plots and tables" : "no longer marked"}.`;
}

function press(one, on) {
  one.classList.toggle("chosen", on);
  const button = one.matches("tr") ? one.querySelector("th button") : one;
  button?.setAttribute("aria-pressed", on);
}

function addButton(row) {
  const heading = row.cells[0];
  const button = element("button", { type: "button" }, ...heading.childNodes);
  button.setAttribute("aria-pressed", false);
  button.addEventListener("click", () => choose(row));
  heading.append(button);
}

function addMarks(figure) {
  const svg = figure.querySelector("svg");
  const marks = [...svg.querySelectorAll("[data-setting]")];
  if (!marks.length) return;
  svg.setAttribute("role", "group"); // an image has no parts that can be reached
  svg.setAttribute("aria-label", figure.getAttribute("aria-label"));
  figure.removeAttribute("role");
  figure.removeAttribute("aria-label");
  const left = new Map(marks.map((mark) => [mark, mark.getBoundingClientRect().left]));
  marks.sort((one, other) => left.get(one) - left.get(other));
  marks.forEach((mark, at) => addMark(mark, at === 0));
  svg.addEventListener("keydown", (event) => move(event, marks));
}

function addMark(mark, first) {
  const row = rowOf(mark);
  mark.setAttribute("role", "button");
  mark.setAttribute("tabindex", first ? 0 : -1);
  mark.setAttribute("aria-pressed", false);
  mark.setAttribute("aria-label", [row.cells[0].textContent, ...figuresOf(row)].join(", "));
  mark.addEventListener("click", () => choose(mark));
  mark.addEventListener("focus", () => {
    const box = mark.getBoundingClientRect();
    showTip(mark, box.right, mark.matches(".curve") ? box.top : box.bottom);
  });
  mark.addEventListener("blur", hideTip);
  mark.addEventListener("pointerenter", (event) => showTip(mark, event.clientX + 2, event.clientY + 2));
  mark.addEventListener("pointerleave", (event) => { if (!tip.contains(event.relatedTarget)) hideTip(); });
}

function move(event, marks) {
  const at = marks.indexOf(event.target);
  const last = marks.length - 1;
  const to = {
    ArrowRight: Math.min(at + 1, last), ArrowDown: Math.min(at + 1, last),
    ArrowLeft: Math.max(at - 1, 0), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last,
  }[event.key];
  if (to === undefined && event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  if (to === undefined) return choose(event.target);
  marks[at].setAttribute("tabindex", -1); // one stop of the Tab key for each plot
  marks[to].setAttribute("tabindex", 0);
  marks[to].focus();
}

function addChoice(plots) {
  const figures = [...plots.querySelectorAll("[data-axis]")];
  if (figures.length < 2) return;
  const select = (wanted) => figures.forEach((figure) => { figure.hidden = figure !== wanted; });
  const labels = figures.map((figure, at) => {
    const input = element("input", { type: "radio", name: `axis-${plots.dataset.chapter}`, checked: at === 0 });
    input.addEventListener("change", () => select(figure));
    return element("label", {}, input, figure.dataset.axis);
  });
  plots.prepend(element("fieldset", { className: "axes" }, element("legend", { textContent: "Leakage against" }), ...labels));
  select(figures[0]);
}
