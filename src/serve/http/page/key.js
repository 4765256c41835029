// The key of the service: asked for when a call is refused, and kept until the tab is closed.

import { byId } from "./dom.js";

const STORED = "edgefuse-key";

const dialog = byId("key-dialog");
const form = byId("key-form");
const field = byId("key-field");
const reason = byId("key-reason");

/** The dialog that is open, so that several refused calls ask once. */
let asking = null;

/** The key, or null. */
export function key() {
  return sessionStorage.getItem(STORED);
}

export function forgetKey() {
  sessionStorage.removeItem(STORED);
}

/** Asks the person for the key. Resolves to whether there is a new one. `why` is what the service said. */
export function askForKey(why) {
  asking ??= new Promise((resolve) => {
    reason.textContent = why;
    field.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      resolve(dialog.returnValue === "entered");
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(STORED, field.value.trim());
  field.value = "";
  dialog.close("entered");
});
byId("key-cancel").addEventListener("click", () => dialog.close());
