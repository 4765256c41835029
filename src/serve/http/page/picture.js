// A picture: its caption, answers about it, and how well texts fit it.

import { call } from "./api.js";
import * as base64 from "./base64.js";
import { bar, byId, element, row } from "./dom.js";
import { dropzone } from "./dropzone.js";
import { percent } from "./format.js";
import { fillModels, lack, offer } from "./offer.js";
import { Task } from "./task.js";

const fields = byId("picture-fields");
const shown = byId("picture-shown");
const caption = byId("picture-caption");
const answers = byId("picture-answers");
const matches = byId("picture-matches");
const question = byId("picture-question");
const texts = byId("picture-texts");
const captionModel = byId("picture-caption-model");
const answerModel = byId("picture-answer-model");
const matchModel = byId("picture-match-model");

const captioning = new Task(byId("picture-caption-task"));
const answering = new Task(byId("picture-answer-task"));
const matching = new Task(byId("picture-match-task"));

/** The picture as base64, with its media type; null until there is one. */
let picture = null;
/** What the device lacks: the reasons by capability. */
let lacks = {};

export function start() {
  dropzone("picture-drop", use);
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((it) => it.type.startsWith("image/"));
    if (file && !fields.disabled) use(file);
  });
  byId("picture-caption-form").addEventListener("submit", (event) => {
    event.preventDefault();
    captionIt();
  });
  byId("picture-ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  byId("picture-match").addEventListener("submit", (event) => {
    event.preventDefault();
    match();
  });
}

/** Shows what the device offers. */
export function update(state) {
  const offers = [
    ["caption", "picture-caption-fields", "picture-caption-lack", captionModel],
    ["answer questions", "picture-ask-fields", "picture-ask-lack", answerModel],
    ["match texts", "picture-match-fields", "picture-match-lack", matchModel],
  ];
  lacks = Object.fromEntries(offers.map(([capability]) => [capability, lack(state, capability)]));
  const every = Object.values(lacks).every(Boolean);
  const none = "Not available: no model of this device captions pictures, answers questions about them or matches texts with them.";
  offer(fields, byId("picture-lack"), every ? none : null);
  for (const [capability, own, note, select] of offers) {
    offer(byId(own), byId(note), lacks[capability]);
    // One reason for all is enough.
    byId(note).hidden ||= every;
    fillModels(select, state, capability);
  }
}

async function use(file) {
  picture = null;
  for (const task of [captioning, answering, matching]) {
    task.running?.abort();
    task.clear();
  }
  for (const result of [caption, answers, matches]) result.replaceChildren();
  URL.revokeObjectURL(shown.src);
  shown.src = URL.createObjectURL(file);
  shown.alt = `The picture ${file.name}`;
  shown.hidden = false;
  try {
    picture = { base64: await base64.ofFile(file), kind: file.type || "application/octet-stream" };
  } catch (error) {
    captioning.fail(error);
    return;
  }
  if (!lacks.caption) captionIt();
}

/** Whether there is a picture; says so if not. */
function ready(task) {
  if (picture) return true;
  task.clear();
  task.fail(new Error("Choose a picture first."));
  return false;
}

/** The text that the chat of a picture, and a question if there is one, answers with. */
function chat(model, words, signal) {
  const image = { type: "image_url", image_url: { url: `data:${picture.kind};base64,${picture.base64}` } };
  const content = words ? [image, { type: "text", text: words }] : [image];
  return call("v1/chat/completions", {
    json: { model: model || "edgefuse", messages: [{ role: "user", content }] },
    signal,
  });
}

async function captionIt() {
  if (!ready(captioning)) return;
  const answer = await captioning.run("Captioning", (signal) => chat(captionModel.value, null, signal));
  if (answer) caption.textContent = answer.value.choices[0].message.content;
}

async function ask() {
  if (!ready(answering)) return;
  const typed = question.value.trim();
  // The question mark is what makes it a question for the service.
  const asked = /[?？؟]/.test(typed) ? typed : `${typed}?`;
  const answer = await answering.run("Answering", (signal) => chat(answerModel.value, asked, signal));
  if (!answer) return;
  const said = answer.value.choices[0].message.content;
  answers.prepend(element("div", {}, element("dt", {}, asked), element("dd", {}, said)));
}

async function match() {
  if (!ready(matching)) return;
  const lines = texts.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const json = { image: { base64: picture.base64 }, texts: lines };
  if (matchModel.value) json.model = matchModel.value;
  const answer = await matching.run("Matching", (signal) => call("v1/match", { json, signal }));
  if (!answer) return;
  const found = answer.value.match.texts;
  const fit = (text) => text.probability ?? text.similarity ?? 0;
  const rows = [...found].sort((a, b) => fit(b) - fit(a)).map((text) => row(
    text.text,
    element("span", { className: "measured" }, bar(fit(text)), text.probability === undefined ? "–" : percent(text.probability)),
    text.similarity === undefined ? "–" : text.similarity.toFixed(3),
  ));
  const heading = (text) => element("th", { scope: "col" }, text);
  matches.replaceChildren(element("table", {},
    element("thead", {}, element("tr", {}, heading("Text"), heading("Fits"), heading("Similarity"))),
    element("tbody", {}, ...rows)));
}
