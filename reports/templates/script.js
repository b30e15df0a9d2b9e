"use strict";
(() => {
  const root = document.documentElement;
  const status = document.querySelector("[data-status]");
  const say = (text) => { status.textContent = text; };

  // A part of the address chooses the colours too: report.html#dark.
  const wanted = { "#dark": "dark", "#light": "light" }[location.hash];
  if (wanted) root.dataset.theme = wanted;
  const button = document.querySelector("[data-theme-button]");
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();

  for (const copy of document.querySelectorAll("[data-copy]")) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      const code = copy.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        say("The command is copied.");
        copy.textContent = "Copied";
        setTimeout(() => { copy.textContent = "Copy"; }, 2000);
      } catch {
        getSelection().selectAllChildren(code);
        say("The command is selected; copy it with the keyboard.");
      }
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.trim();
    return cell.dataset.value === "" ? -Infinity : Number(cell.dataset.value);
  };
  const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    if (table.tBodies[0].rows.length < 3) continue;
    table.querySelectorAll("thead th").forEach((heading, column) => {
      const sort = document.createElement("button");
      sort.type = "button";
      sort.textContent = heading.textContent;
      heading.replaceChildren(sort);
      sort.addEventListener("click", () => {
        // The first click shows the largest number, and words from A to Z.
        const now = heading.getAttribute("aria-sort");
        const falls = now ? now === "ascending" : heading.classList.contains("number");
        for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (falls ? -1 : 1) * compare(key(a, column), key(b, column)));
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
