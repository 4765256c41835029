// Reads Prometheus's text format, that of `/metrics`.

/** The samples of a text: `{name, labels, value}`. */
export function samples(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = {};
    for (const [, name, value] of (parts[2] ?? "").matchAll(/([\w]+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = value.replace(/\\(.)/g, (_, escaped) => (escaped === "n" ? "\n" : escaped));
    }
    found.push({ name: parts[1], labels, value: Number(parts[3].replace("+Inf", "Infinity")) });
  }
  return found;
}

/**
 * A histogram by the values of a label: `{of, count, mean, median}`. The median is interpolated within its bucket, as
 * Prometheus does, and null if it lies beyond the last bound.
 */
export function histograms(all, name, label) {
  const found = new Map();
  for (const sample of all) {
    if (!sample.name.startsWith(`${name}_`)) continue;
    const of = sample.labels[label];
    if (of === undefined) continue;
    const one = found.get(of) ?? { of, count: 0, sum: 0, buckets: [] };
    if (sample.name === `${name}_count`) one.count = sample.value;
    if (sample.name === `${name}_sum`) one.sum = sample.value;
    if (sample.name === `${name}_bucket`) {
      one.buckets.push({ bound: Number(sample.labels.le.replace("+Inf", "Infinity")), count: sample.value });
    }
    found.set(of, one);
  }
  return [...found.values()].filter(({ count }) => count > 0).map(({ of, count, sum, buckets }) => (
    { of, count, mean: sum / count, median: median(buckets, count) }));
}

function median(buckets, count) {
  let [below, least] = [0, 0];
  for (const { bound, count: within } of buckets.sort((a, b) => a.bound - b.bound)) {
    if (within >= count / 2) {
      if (bound === Infinity) return null;
      return least + (bound - least) * (count / 2 - below) / (within - below);
    }
    [below, least] = [within, bound];
  }
  return null;
}
