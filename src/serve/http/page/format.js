// Quantities as text.

/** Bytes in MiB or GiB. */
export function bytes(count) {
  const mib = count / 2 ** 20;
  return mib < 1024 ? `${mib.toFixed(mib < 10 ? 1 : 0)} MiB` : `${(mib / 1024).toFixed(2)} GiB`;
}

/** A share from 0 to 1. */
export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** A short time: milliseconds below a second. */
export function seconds(time) {
  if (time < 0.0095) return `${(time * 1000).toFixed(1)} ms`;
  if (time < 0.9995) return `${Math.round(time * 1000)} ms`;
  return time < 99.95 ? `${time.toFixed(1)} s` : `${Math.round(time)} s`;
}

/** A position in a recording: `1:02.3`, or `1:02:03.4` from an hour on. */
export function position(time) {
  const tenths = Math.round(time * 10);
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** How long the service has been running. */
export function uptime(time) {
  const minutes = Math.floor(time / 60);
  if (minutes < 1) return `${Math.floor(time)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}
