// Search: an index of what was seen and heard, by text or by a picture, with small pictures of what was found.

import { call } from "./api.js";
import * as base64 from "./base64.js";
import { byId, element } from "./dom.js";
import { dropzone } from "./dropzone.js";
import { offer } from "./offer.js";
import { Task } from "./task.js";

const section = byId("search");
const fields = byId("search-fields");
const select = byId("search-index");
const text = byId("search-text");
const filter = byId("search-where");
const results = byId("search-results");

const task = new Task(byId("search-task"));

/** Addresses of the small pictures that are shown. */
let shown = [];

export function start() {
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = text.value.trim();
    if (typed) find({ text: typed });
  });
  dropzone("search-drop", async (file) => {
    try {
      find({ image: { base64: await base64.ofFile(file) } });
    } catch (error) {
      task.fail(error);
    }
  });
  list();
}

/** Called when the state of the board is known: a key may be known since. */
export function update() {
  if (!select.options.length) list();
}

/** Fills the choice of indexes; a device without one does not show the search. */
async function list() {
  let indexes;
  try {
    indexes = (await call("v1/search", { ask: false })).value.indexes;
  } catch {
    return;
  }
  section.hidden = !indexes.length;
  offer(fields, byId("search-lack"), null);
  select.replaceChildren(...indexes.map(({ name, items }) => element("option", { value: name }, `${name} (${items})`)));
  select.closest(".field").hidden = indexes.length < 2;
}

async function find(question) {
  const json = { ...question, index: select.value, top: 24 };
  if (filter.value.trim()) json.where = filter.value.trim();
  const answer = await task.run("Searching", (signal) => call("v1/search", { json, signal }));
  if (!answer) return;
  shown.forEach((address) => URL.revokeObjectURL(address));
  shown = [];
  const { hits } = answer.value;
  results.replaceChildren(...hits.map(card));
  if (!hits.length) results.replaceChildren(element("li", { className: "muted" }, "Nothing was found."));
}

/** One result. */
function card(hit) {
  const image = hit.thumbnail ? element("img", { alt: hit.text ?? hit.id, className: "thumbnail" }) : null;
  if (image) load(image, hit.thumbnail);
  const where = (hit.path ?? hit.id).split("/").pop();
  return element("li", { className: "hit" },
    image,
    element("span", { className: "hit-text" }, hit.text ?? ""),
    element("span", { className: "muted", title: hit.path ?? hit.id }, [where, span(hit), time(hit)].filter(Boolean).join(" · ")));
}

/** The small picture comes through a call, which sends the key. */
async function load(image, path) {
  try {
    const { value } = await call(path, { as: "blob", ask: false });
    image.src = URL.createObjectURL(value);
    shown.push(image.src);
  } catch {
    image.remove();
  }
}

/** The place in a film or recording. */
function span({ start, end }) {
  if (start === undefined) return "";
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  return end === undefined ? clock(start) : `${clock(start)}–${clock(end)}`;
}

function time(hit) {
  return hit.time === undefined ? "" : new Date(hit.time * 1000).toLocaleString();
}
