// The student: a decision from whatever its sensors provide.

import { call } from "./api.js";
import * as base64 from "./base64.js";
import { bar, byId, element, row } from "./dom.js";
import { dropzone } from "./dropzone.js";
import { percent } from "./format.js";
import { able, lack, offer } from "./offer.js";
import { Task } from "./task.js";

const text = byId("student-text");
const readings = byId("student-sensors");
const result = byId("student-result");
const deciding = new Task(byId("student-task"));

/** The chosen files. */
const chosen = { image: null, audio: null };
/** The sensors that have fields, as JSON. */
let listed = null;

export function start() {
  for (const name of ["image", "audio"]) {
    const show = byId(`student-${name}-name`);
    const remove = byId(`student-${name}-remove`);
    const set = (file) => {
      chosen[name] = file;
      show.textContent = file ? file.name : "none";
      remove.hidden = !file;
    };
    dropzone(`student-${name}-drop`, set);
    remove.addEventListener("click", () => {
      set(null);
      byId(`student-${name}`).focus();
    });
  }
  byId("student-form").addEventListener("submit", (event) => {
    event.preventDefault();
    decide();
  });
}

/** Shows what the device offers: the inputs and sensors of its student. */
export function update(state) {
  offer(byId("student-fields"), byId("student-lack"), lack(state, "decide"));
  const [student] = able(state, "decide");
  const { inputs, sensors } = student ?? { inputs: ["image", "text", "audio"], sensors: [] };
  for (const name of ["image", "text", "audio"]) byId(`student-${name}-part`).hidden = !inputs.includes(name);
  if (JSON.stringify(sensors) === listed) return;
  listed = JSON.stringify(sensors);
  byId("student-sensors-part").hidden = !sensors.length;
  readings.replaceChildren(...sensors.map(({ name, unit }, at) => element("div", { className: "field" },
    element("label", { htmlFor: `sensor-${at}` }, unit ? `${name} (${unit})` : name),
    element("input", { id: `sensor-${at}`, type: "number", step: "any", inputMode: "decimal", name }))));
}

async function decide() {
  const answer = await deciding.run("Deciding", async (signal) => {
    const json = {};
    for (const name of ["image", "audio"]) {
      if (chosen[name]) json[name] = { base64: await base64.ofFile(chosen[name]) };
    }
    if (text.value.trim()) json.text = text.value.trim();
    const entered = [...readings.querySelectorAll("input")].filter((field) => field.value !== "");
    if (entered.length) json.sensors = Object.fromEntries(entered.map((field) => [field.name, field.valueAsNumber]));
    return call("v1/fuse", { json, signal });
  });
  result.hidden = !answer;
  if (!answer) return;
  const { label, confidence, probabilities, modalities } = answer.value.fusion;
  const rows = probabilities.map(([name, share]) => row(name, element("span", { className: "measured" }, bar(share), percent(share))));
  const heading = (words) => element("th", { scope: "col" }, words);
  result.replaceChildren(
    element("p", {}, element("strong", { className: "label" }, label), ` ${percent(confidence)}, from ${modalities.join(", ")}`),
    element("table", {},
      element("thead", {}, element("tr", {}, heading("Label"), heading("Probability"))),
      element("tbody", {}, ...rows)),
  );
}
