// Everything here adds comfort; without it the page says the same.
"use strict";

const root = document.documentElement;

// Theme: follow the system until the button is pressed; nothing is remembered.
const theme = document.querySelector(".theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const nameTheme = () => {
  theme.querySelector("span").textContent = isDark() ? "Light" : "Dark";
};
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
system.addEventListener("change", nameTheme);
nameTheme();
theme.hidden = false;

// Sorting: numbers by data-value, text as people order it, missing values last either way.
const words = new Intl.Collator(root.lang, { numeric: true });
const compare = (a, b) =>
  a.dataset.value !== undefined
    ? Number(a.dataset.value) - Number(b.dataset.value)
    : words.compare(a.textContent, b.textContent);

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  for (const [index, heading] of headings.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [row, row.cells[index]]);
      rows.sort(([, a], [, b]) => {
        const missing = a.classList.contains("missing") - b.classList.contains("missing");
        return missing || (down ? compare(b, a) : compare(a, b));
      });
      body.append(...rows.map(([row]) => row));
    });
  }
}

// Copying. Where the clipboard is closed to local files, the text is selected instead.
for (const button of document.querySelectorAll(".copy")) {
  const code = button.closest(".code").querySelector("code");
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });
}

// Paper can't be unfolded.
const folded = new Set();
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    folded.add(details);
    details.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const details of folded) details.open = false;
  folded.clear();
});
