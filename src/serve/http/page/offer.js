// What the device can do: a function that it lacks stays visible, with the reason.

import { element } from "./dom.js";

/** The models that have a capability, a name from `can` in `/v1/doctor`, and can be used. */
export function able(state, capability) {
  return state.models.filter((model) => model.can.includes(capability) && !model.error);
}

/** Why the device lacks a capability, or null if it has it. */
export function lack(state, capability) {
  if (able(state, capability).length) return null;
  const broken = state.models.filter((model) => model.error).map((model) => `${model.name}: ${model.error}`);
  const reason = `Not available: no model of this device has the capability “${capability}”.`;
  return broken.length ? `${reason} Models that cannot be used: ${broken.join("; ")}` : reason;
}

/** Enables the controls in `fieldset`, or disables them and writes the reason into `note`. */
export function offer(fieldset, note, reason) {
  fieldset.disabled = Boolean(reason);
  note.textContent = reason ?? "";
  note.hidden = !reason;
}

/** Lists the models that have a capability. With one or none there is no choice, and nothing to see. */
export function fillModels(select, state, capability) {
  const names = able(state, capability).map((model) => model.name);
  const listed = [...select.options].slice(1).map((option) => option.value);
  if (names.join("\n") !== listed.join("\n")) {
    const chosen = select.value;
    const first = element("option", { value: "" }, "as in the device file");
    select.replaceChildren(first, ...names.map((name) => element("option", { value: name }, name)));
    select.value = names.includes(chosen) ? chosen : "";
  }
  select.closest(".field").hidden = names.length < 2;
}
