// The microphone as mono 16-bit PCM.

/** Why there is no microphone in this page, or null. */
export function unavailable() {
  if (navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode) return null;
  if (!window.isSecureContext) {
    return "The browser allows the microphone only on https:// and on http://localhost. Open the page on the board "
      + "itself, through a tunnel (ssh -L 8080:localhost:8080 BOARD), or behind a reverse proxy with TLS.";
  }
  return "This browser has no access to a microphone.";
}

/** Why the browser did not open the microphone. */
function refusal(error) {
  const reasons = {
    NotAllowedError: "The browser was not allowed to use the microphone: allow it for this page and start again.",
    NotFoundError: "No microphone was found.",
    NotReadableError: "The microphone cannot be opened; another program may be using it.",
  };
  return new Error(reasons[error.name] ?? `The microphone cannot be opened: ${error.message}`);
}

export class Microphone {
  /** Opens it. `use(samples)` gets an Int16Array for each tenth of a second at `rate` Hz; `lost()` if it is unplugged. */
  static async open(rate, use, lost) {
    const wanted = { audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia(wanted);
    } catch (error) {
      throw refusal(error);
    }
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
      await context.resume();
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      await context.close();
      throw new Error(`The browser cannot process the microphone's sound: ${error.message}`);
    }
    return new Microphone(stream, context, rate, use, lost);
  }

  constructor(stream, context, rate, use, lost) {
    [this.stream, this.context] = [stream, context];
    const options = { numberOfOutputs: 0, processorOptions: { rate } };
    this.node = new AudioWorkletNode(context, "capture", options);
    this.ended = new Promise((resolve) => {
      // The worklet's last message is null.
      this.node.port.onmessage = ({ data }) => (data === null ? resolve() : use(data));
    });
    stream.getTracks().forEach((track) => track.addEventListener("ended", lost));
    context.createMediaStreamSource(stream).connect(this.node);
  }

  /** Closes it, after `use` got its last samples. */
  async close() {
    this.node.port.postMessage("stop");
    await this.ended;
    this.stream.getTracks().forEach((track) => track.stop());
    await this.context.close();
  }
}
