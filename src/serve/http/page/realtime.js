// A stream of sound to the service, and of text back: the transcription events of OpenAI's Realtime API.

import { address, call } from "./api.js";
import * as base64 from "./base64.js";
import { key } from "./key.js";

/** Hz of the sound that is sent. */
export const RATE = 16_000;

const PATH = "v1/realtime?intent=transcription";
const TEXT = "conversation.item.input_audio_transcription";

/** Characters that may wait for the network: ten seconds of sound. */
const MOST_UNSENT = 10 * RATE * 2 * 4 / 3;

export class Realtime {
  /**
   * Opens a stream. `on` has the functions `speech(heard)`, `delta(item, text)`, `completed(item, text)`,
   * `problem(message)` and `closed()`, of which the last is called once, at the end.
   */
  static open(model, language, on) {
    return new Promise((resolve, reject) => {
      const url = address(PATH);
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      const protocols = key() ? ["realtime", `openai-insecure-api-key.${key()}`] : ["realtime"];
      let socket;
      try {
        socket = new WebSocket(url, protocols);
      } catch {
        reject(new Error("The key has characters that a browser cannot send to a WebSocket."));
        return;
      }
      const session = sessionOf(model, language);
      socket.onclose = async () => reject(await refusal());
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "session.created") socket.send(JSON.stringify(session));
        if (event.type === "session.updated") resolve(new Realtime(socket, session, on));
        if (event.type === "error") {
          reject(new Error(event.error.message));
          socket.close(1000);
        }
      };
    });
  }

  constructor(socket, session, on) {
    [this.socket, this.session, this.on] = [socket, session, on];
    this.finishing = false;
    this.done = false;
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (!this.done) on.problem(`The service closed the connection: ${reason || `code ${code}`}.`);
      on.closed();
    };
  }

  send(event) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  /** Sends samples, an Int16Array at `RATE`. */
  append(samples) {
    if (this.done) return;
    if (this.socket.bufferedAmount > MOST_UNSENT) {
      this.on.problem("Ten seconds of sound are waiting for the service or the network, so the stream was stopped.");
      this.close();
    } else if (samples.length) {
      this.send({ type: "input_audio_buffer.append", audio: base64.ofArray(samples) });
    }
  }

  /** Ends the sound. The connection closes when the last text is there. */
  finish() {
    this.finishing = true;
    this.send({ type: "input_audio_buffer.commit" });
    // The service handles events in order, and changes a session only between two texts: its answer marks the end.
    this.send(this.session);
  }

  /** Ends at once. */
  close() {
    this.done = true;
    this.socket.close(1000);
  }

  receive(event) {
    const item = event.item_id;
    switch (event.type) {
      case "session.updated":
        if (this.finishing) this.close();
        break;
      case "input_audio_buffer.speech_started":
        this.on.speech(true);
        break;
      case "input_audio_buffer.speech_stopped":
        this.on.speech(false);
        break;
      case `${TEXT}.delta`:
        this.on.delta(item, event.delta);
        break;
      case `${TEXT}.completed`:
        this.on.completed(item, event.transcript);
        break;
      case `${TEXT}.failed`:
        this.on.completed(item, "");
        this.on.problem(event.error.message);
        break;
      case "error":
        // There may be no sound left to commit at the end.
        if (this.finishing && event.error.code === "input_audio_buffer_commit_empty") break;
        this.on.problem(event.error.message);
        // Its cause is a setting, which changes with the next stream.
        this.close();
        break;
      default:
    }
  }
}

/** The event that sets a session up. The service finds the ends of utterances. */
function sessionOf(model, language) {
  const input = {
    format: { type: "audio/pcm", rate: RATE },
    transcription: { model: model || "whisper-1", language },
    turn_detection: { type: "server_vad" },
  };
  return { type: "session.update", session: { type: "transcription", audio: { input } } };
}

/** Why the connection was refused: a browser does not say, but the service does to a plain request. */
async function refusal() {
  try {
    await call(PATH, { as: "text" });
  } catch (error) {
    // It only says that a plain request is no WebSocket.
    if (error.status !== 426) return error;
  }
  return new Error("The browser could not open a WebSocket. A proxy before the service must pass them on.");
}
