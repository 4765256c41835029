// Runs on the audio thread: the microphone's samples as 16-bit PCM of another rate, in blocks of a tenth of a second.

import { Resampler, pcm16 } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.resampler = new Resampler(sampleRate, rate);
    this.block = new Float32Array(rate / 10);
    this.filled = 0;
    this.stopped = false;
    this.port.onmessage = () => {
      this.stopped = true;
      this.post(this.block.subarray(0, this.filled));
      this.port.postMessage(null);
    };
  }

  process([channels]) {
    if (this.stopped) return false;
    if (!channels.length) return true;
    for (const sample of this.resampler.push(mixed(channels))) {
      this.block[this.filled] = sample;
      this.filled += 1;
      if (this.filled === this.block.length) {
        this.post(this.block);
        this.filled = 0;
      }
    }
    return true;
  }

  /** Sends a copy; the block itself is filled again. */
  post(block) {
    const samples = pcm16(block);
    this.port.postMessage(samples, [samples.buffer]);
  }
}

/** The mean of the channels. */
function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
}

registerProcessor("capture", Capture);
