// Changes the sample rate of sound that arrives in blocks.

/** Zero crossings of the filter on each side; more make its edge steeper. */
const CROSSINGS = 12;
/** The filter ends at this share of the lower rate's Nyquist frequency, so that its edge stays below it. */
const EDGE = 0.92;

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/** A windowed-sinc filter with one set of taps for each position between two samples that can occur. */
export class Resampler {
  /** From `from` Hz to `to` Hz, both integers. */
  constructor(from, to) {
    const common = divisor(from, to);
    [this.step, this.phases] = [from / common, to / common];
    const cutoff = EDGE * Math.min(1, to / from);
    this.half = Math.ceil(CROSSINGS / cutoff);
    this.taps = Array.from({ length: this.phases }, (_, phase) => taps(phase / this.phases, this.half, cutoff));
    this.kept = new Float32Array(this.half - 1);
    // In units of 1 / phases of an input sample, counted from the start of `kept`.
    this.next = (this.half - 1) * this.phases;
  }

  /** The output samples that this block completes. */
  push(block) {
    const all = new Float32Array(this.kept.length + block.length);
    all.set(this.kept);
    all.set(block, this.kept.length);
    const out = [];
    let at = Math.floor(this.next / this.phases);
    for (; at + this.half < all.length; at = Math.floor(this.next / this.phases)) {
      const weights = this.taps[this.next % this.phases];
      const first = at - this.half + 1;
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap += 1) sum += weights[tap] * all[first + tap];
      out.push(sum);
      this.next += this.step;
    }
    // A step may be longer than what has arrived.
    const done = Math.min(at - this.half + 1, all.length);
    this.kept = all.slice(done);
    this.next -= done * this.phases;
    return Float32Array.from(out);
  }
}

/** Weights of the samples from `1 - half` to `half` for a position `fraction` after sample 0. */
function taps(fraction, half, cutoff) {
  const weights = new Float32Array(2 * half);
  for (let tap = 0; tap < weights.length; tap += 1) {
    const distance = tap - half + 1 - fraction;
    const x = Math.PI * cutoff * distance;
    const window = Math.abs(distance) < half ? 0.5 + 0.5 * Math.cos(Math.PI * distance / half) : 0;
    weights[tap] = window * cutoff * (x === 0 ? 1 : Math.sin(x) / x);
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Samples in [-1, 1] as 16-bit integers. */
export function pcm16(samples) {
  return Int16Array.from(samples, (sample) => Math.round(Math.min(1, Math.max(-1, sample)) * 32767));
}
