"use strict";
// Headings become buttons only here, so that a page without script promises no sorting.
for (const table of document.querySelectorAll("table.leaderboard")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    if (!heading.dataset.first) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, headings, column));
  });
}

function sort(table, headings, column) {
  const heading = headings[column];
  const now = heading.getAttribute("aria-sort");
  const next = now === "ascending" ? "descending" : now === "descending" ? "ascending" : heading.dataset.first;
  headings.forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", next);
  const sign = next === "ascending" ? 1 : -1;
  const value = (row) => row.cells[column].dataset.value;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const left = value(a), right = value(b);
    if (left === "" || right === "") return (left === "") - (right === "");
    if (heading.dataset.kind === "text") return sign * left.localeCompare(right);
    return sign * (Number(left) - Number(right));
  });
  table.tBodies[0].append(...rows);
  document.getElementById("sorted").textContent = `Sorted by ${heading.innerText.replace(/\s+/g, " ").trim()}, ${next}.`;
}
