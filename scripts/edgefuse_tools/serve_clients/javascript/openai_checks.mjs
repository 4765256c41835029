// OpenAI's JavaScript client: transcripts, captions, answers, streams, models, errors.
//
//     node openai_checks.mjs URL FOLDER TRANSCRIPT
//
// URL is the service's, FOLDER has the recordings and pictures of tests/data, and TRANSCRIPT is what the command line
// prints for librivox-0880.wav. The first check that fails ends the program with exit code 1.

import assert from "node:assert/strict";
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";

const [url, folder, transcript] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const recording = () => createReadStream(join(folder, "librivox-0880.wav"));
const base64 = (name) => readFileSync(join(folder, name)).toString("base64");

const transcriptions = client.audio.transcriptions;
const plain = await transcriptions.create({ model: "whisper-1", file: recording() });
assert.equal(plain.text, transcript);

const verbose = await transcriptions.create({
  model: "whisper-1",
  file: recording(),
  response_format: "verbose_json",
  timestamp_granularities: ["word", "segment"],
});
assert.equal(verbose.text, transcript);
assert.equal(verbose.language, "english");
assert.equal(verbose.words.map((it) => it.word).join(""), transcript.replaceAll(" ", ""));
assert.ok(verbose.segments[0].avg_logprob < 0 && verbose.segments.at(-1).end <= verbose.duration);

const srt = await transcriptions.create({ model: "whisper-1", file: recording(), response_format: "srt" });
assert.match(srt, /^1\n00:00:00,\d{3} --> /);

let [deltas, done] = ["", undefined];
for await (const event of await transcriptions.create({ model: "whisper-1", file: recording(), stream: true })) {
  if (event.type === "transcript.text.delta") deltas += event.delta;
  else if (event.type === "transcript.text.done") done = event.text;
}
assert.equal(deltas.trim(), transcript);
assert.equal(done, transcript);

const completions = client.chat.completions;
const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${base64("easyvqa-23.png")}` } };
const ask = (...content) => ({ model: "edgefuse", messages: [{ role: "user", content }] });
const caption = await completions.create(ask(picture));
assert.equal(caption.choices[0].message.content, "a blue rectangle");
assert.equal(caption.choices[0].finish_reason, "stop");
const question = { type: "text", text: "what shape is in the image?" };
const answer = await completions.create(ask(question, picture));
assert.equal(answer.choices[0].message.content, "rectangle");
const spoken = { type: "input_audio", input_audio: { data: base64("question-shape.wav"), format: "wav" } };
assert.equal((await completions.create(ask(spoken, picture))).choices[0].message.content, "rectangle");

let streamed = "";
for await (const chunk of await completions.create({ ...ask(picture), stream: true })) {
  streamed += chunk.choices[0].delta.content ?? "";
}
assert.equal(streamed, "a blue rectangle");

const names = [];
for await (const model of client.models.list()) names.push(model.id);
for (const name of ["whisper-1", "whisper", "blip", "edgefuse"]) assert.ok(names.includes(name), `${name}: ${names}`);
assert.equal((await client.models.retrieve("blip")).id, "blip");

const failing = async (kind, code, call) => {
  const error = await call.then(() => assert.fail(`no ${kind.name}`), (error) => error);
  assert.ok(error instanceof kind, error);
  assert.equal(error.code, code);
  assert.match(error.requestID, /^req_/);
};
await failing(OpenAI.NotFoundError, "model_not_found", transcriptions.create({ model: "gpt-9", file: recording() }));
const noise = new File(["no sound"], "a.wav");
await failing(OpenAI.BadRequestError, "invalid_input", transcriptions.create({ model: "whisper-1", file: noise }));
const translation = client.audio.translations.create({ model: "whisper-1", file: recording() });
await failing(OpenAI.BadRequestError, "invalid_request", translation);
const greeting = await completions.create({ ...ask({ type: "text", text: "Say hello." }), max_completion_tokens: 8 });
assert.ok(greeting.choices[0].message.content.length > 0 && greeting.usage.completion_tokens <= 8);
