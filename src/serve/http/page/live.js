// Live text from the microphone.

import { byId, element } from "./dom.js";
import { position } from "./format.js";
import { Microphone, unavailable } from "./microphone.js";
import { fillModels, lack, offer } from "./offer.js";
import { RATE, Realtime } from "./realtime.js";
import { call } from "./api.js";

const button = byId("live-button");
const status = byId("live-status");
const clock = byId("live-clock");
const level = byId("live-level");
const problem = byId("live-problem");
const log = byId("live-log");
const partial = byId("live-partial");
const model = byId("live-model");
const language = byId("live-language");
const after = byId("live-after");

/** The phases of the button, and its text in each. */
const TEXTS = { idle: "Start", opening: "Opening…", running: "Stop", finishing: "Stop now" };

let phase = "idle";
let microphone = null;
let stream = null;
let samples = 0;
/** The paragraphs of the texts that are not complete, by item. */
const items = new Map();

export function start() {
  button.addEventListener("click", () => {
    if (phase === "idle") begin();
    else if (phase === "running") finish();
    else if (phase === "finishing") stream.close();
  });
  byId("live-clear").addEventListener("click", () => {
    log.replaceChildren();
    after.hidden = true;
    button.focus();
  });
  byId("live-copy").addEventListener("click", async () => {
    const text = [...log.children].map((line) => line.textContent).join("\n");
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = "Copied.";
    } catch {
      fail("The browser did not allow the page to copy: select the text instead.");
    }
  });
}

/** Shows what the device offers. */
export function update(state) {
  const speechless = lack(state, "transcribe") ?? lack(state, "detect speech");
  // What runs is not taken away.
  if (phase === "idle") offer(byId("live-fields"), byId("live-lack"), speechless ?? unavailable());
  fillModels(model, state, "transcribe");
}

function enter(next, text) {
  phase = next;
  button.textContent = TEXTS[next];
  button.disabled = next === "opening";
  button.classList.toggle("recording", next === "running");
  status.textContent = text;
}

function fail(message, request) {
  problem.replaceChildren(message);
  if (request) problem.append(element("span", { className: "request" }, request));
  problem.hidden = false;
}

async function begin() {
  problem.hidden = true;
  enter("opening", "Opening the microphone…");
  samples = 0;
  try {
    // Asks for the key if there must be one: a WebSocket cannot.
    await call("v1/models");
    stream = await Realtime.open(model.value, language.value.trim(), {
      speech: (heard) => {
        if (phase === "running") status.textContent = heard ? "Hearing speech…" : "Listening…";
      },
      delta: (item, text) => line(item).append(text),
      completed,
      problem: fail,
      closed,
    });
    microphone = await Microphone.open(RATE, heard, () => {
      fail("The microphone was disconnected.");
      if (phase === "running") finish();
    });
  } catch (error) {
    stream?.close();
    stream = null;
    enter("idle", "");
    fail(error.message, error.request);
    return;
  }
  // The connection may have ended while the microphone was opened.
  if (!stream) closeMicrophone();
  else enter("running", "Listening…");
}

/** Samples of a tenth of a second. */
function heard(block) {
  stream?.append(block);
  samples += block.length;
  let peak = 0;
  for (const sample of block) peak = Math.max(peak, Math.abs(sample));
  // From -60 dB to full scale.
  level.value = peak ? Math.max(0, 1 + Math.log10(peak / 32768) / 3) : 0;
  clock.textContent = position(samples / RATE);
}

async function finish() {
  enter("finishing", "Waiting for the last text…");
  await closeMicrophone();
  stream?.finish();
}

async function closeMicrophone() {
  const open = microphone;
  microphone = null;
  await open?.close();
  level.value = 0;
}

/** The paragraph of an item whose text is not complete. */
function line(item) {
  if (!items.has(item)) {
    items.set(item, element("p"));
    partial.append(items.get(item));
  }
  return items.get(item);
}

function completed(item, text) {
  items.get(item)?.remove();
  items.delete(item);
  if (!text.trim()) return;
  log.append(element("p", {}, text.trim()));
  after.hidden = false;
}

function closed() {
  stream = null;
  items.clear();
  partial.replaceChildren();
  closeMicrophone();
  enter("idle", "Stopped.");
}
