// A place for a file: chosen with a button or dropped.

import { byId } from "./dom.js";

/** Calls `use(file)` for each file that is chosen in or dropped on the place with this id. */
export function dropzone(id, use) {
  const place = byId(id);
  const input = place.querySelector("input[type=file]");
  const free = () => !place.closest("fieldset:disabled");
  input.addEventListener("change", () => {
    const [file] = input.files;
    // So that choosing the same file again is a change, too.
    input.value = "";
    if (file) use(file);
  });
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = free() ? "copy" : "none";
    place.classList.toggle("over", free());
  });
  place.addEventListener("dragleave", (event) => {
    if (!place.contains(event.relatedTarget)) place.classList.remove("over");
  });
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file && free()) use(file);
  });
}

/** A file that misses its place must not replace the page. */
export function ignoreStrayFiles() {
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
}
