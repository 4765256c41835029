// A recording: its transcript, whose words move the player, and its subtitles.

import { call } from "./api.js";
import { byId, element } from "./dom.js";
import { dropzone } from "./dropzone.js";
import { position } from "./format.js";
import { fillModels, lack, offer } from "./offer.js";
import { Task } from "./task.js";

const player = byId("recording-player");
const result = byId("recording-result");
const facts = byId("recording-facts");
const transcript = byId("recording-transcript");
const model = byId("recording-model");
const language = byId("recording-language");
const again = byId("recording-again");

const transcribing = new Task(byId("recording-task"));
const writing = new Task(byId("recording-srt-task"));

/** The recording; null until there is one. */
let recording = null;
/** What the shown transcript was asked with, so that its subtitles are those of the same transcript. */
let asked = null;
/** The buttons of the words, in order, with their times. */
let words = [];
let current = -1;

export function start() {
  dropzone("recording-drop", (file) => {
    recording = file;
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(file);
    player.hidden = false;
    again.hidden = false;
    transcribe();
  });
  byId("recording-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (recording) transcribe();
  });
  byId("recording-srt").addEventListener("click", subtitles);
  player.addEventListener("timeupdate", follow);
  transcript.addEventListener("click", (event) => {
    const at = words.findIndex(({ button }) => button === event.target);
    if (at >= 0) seek(at);
  });
  transcript.addEventListener("keydown", move);
}

/** Shows what the device offers. */
export function update(state) {
  offer(byId("recording-fields"), byId("recording-lack"), lack(state, "transcribe"));
  fillModels(model, state, "transcribe");
}

function form(fields) {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  data.append("file", recording, recording.name);
  return data;
}

async function transcribe() {
  result.hidden = true;
  writing.running?.abort();
  writing.clear();
  const fields = [["model", model.value || "whisper-1"]];
  if (language.value.trim()) fields.push(["language", language.value.trim()]);
  const detail = [
    ["response_format", "verbose_json"],
    ["timestamp_granularities[]", "word"],
    ["timestamp_granularities[]", "segment"],
  ];
  const answer = await transcribing.run("Transcribing", (signal) =>
    call("v1/audio/transcriptions", { form: form([...fields, ...detail]), signal }));
  if (!answer) return;
  asked = fields;
  show(answer.value);
}

function show(value) {
  facts.textContent = `${value.language}, ${position(value.duration)}`;
  words = [];
  current = -1;
  const segments = value.segments.map((segment, at) => {
    const next = value.segments[at + 1]?.start ?? Infinity;
    const own = value.words.filter((word) => word.start < next && (at === 0 || word.start >= segment.start));
    return paragraph(segment, own);
  });
  const nothing = element("p", { className: "muted" }, "No speech was found.");
  transcript.replaceChildren(...(segments.length ? segments : [nothing]));
  words[0]?.button.setAttribute("tabindex", "0");
  result.hidden = false;
}

/** A segment: its time, and each word as a button. The spaces between words are those of the segment's text. */
function paragraph(segment, own) {
  const text = element("p", {}, element("span", { className: "time" }, position(segment.start)));
  let read = 0;
  for (const word of own) {
    const found = segment.text.indexOf(word.word, read);
    const between = found < 0 ? " " : segment.text.slice(read, found);
    read = found < 0 ? read : found + word.word.length;
    // One stop for the whole transcript: the arrow keys move within it.
    const button = element("button", { type: "button", className: "word", tabIndex: -1 }, word.word);
    button.title = position(word.start);
    text.append(between, button);
    words.push({ button, start: word.start, end: word.end });
  }
  return text;
}

function seek(at) {
  focusOn(at);
  player.currentTime = words[at].start;
  // A browser may refuse to play; the position is set all the same.
  player.play().catch(() => {});
}

function focusOn(at) {
  transcript.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
  words[at].button.setAttribute("tabindex", "0");
  words[at].button.focus();
}

function move(event) {
  const at = words.findIndex(({ button }) => button === event.target);
  const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: words.length - 1 }[event.key];
  if (at < 0 || target === undefined || !words[target]) return;
  event.preventDefault();
  focusOn(target);
}

/** Marks the word that is being played. */
function follow() {
  const time = player.currentTime;
  const next = words.findIndex(({ start }) => start > time + 0.01);
  const at = (next < 0 ? words.length : next) - 1;
  if (at === current) return;
  words[current]?.button.removeAttribute("aria-current");
  words[at]?.button.setAttribute("aria-current", "true");
  current = at;
}

/** Downloads the subtitles, which the service makes: it knows how to break lines. */
async function subtitles() {
  const source = recording;
  const answer = await writing.run("Making subtitles", (signal) => call("v1/audio/transcriptions", {
    form: form([...asked, ["response_format", "srt"]]),
    as: "text",
    signal,
  }));
  if (!answer) return;
  const link = element("a", { href: URL.createObjectURL(new Blob([answer.value], { type: "application/x-subrip" })) });
  link.download = `${source.name.replace(/\.[^.]*$/, "")}.srt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
