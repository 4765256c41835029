// Elements of the page.

/** The element with this id, which index.html has. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/** A new element with properties and children; text is never read as markup. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A row of a table whose first cell is its heading. */
export function row(heading, ...cells) {
  const rest = cells.map((cell) => element("td", {}, cell));
  return element("tr", {}, element("th", { scope: "row" }, heading), ...rest);
}

/** A share from 0 to 1 as a bar. The number beside it is what a screen reader reads. */
export function bar(share) {
  const filled = element("span", { className: "filled" });
  filled.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  return element("span", { className: "bar", "aria-hidden": "true" }, filled);
}
