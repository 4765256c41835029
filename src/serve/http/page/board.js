// The state of the board: models, memory, queue, latencies, warnings.

import { ApiError, call } from "./api.js";
import { bar, byId, element, row } from "./dom.js";
import { bytes, seconds, uptime } from "./format.js";
import { forgetKey, key } from "./key.js";
import { histograms, samples } from "./metrics.js";

/** Between two looks at the board while the page is visible. */
const EVERY_MS = 10_000;

const pill = byId("board-pill");
const problem = byId("board-problem");
const keyButton = byId("key-button");
const refreshButton = byId("board-refresh");

/** What to call with each state. */
let listeners = [];
/** Whether the person may be asked for the key: not again by a timer once they declined. */
let mayAsk = true;
let looking = null;

export function start(...update) {
  listeners = update;
  refreshButton.addEventListener("click", () => {
    mayAsk = true;
    refresh();
  });
  keyButton.addEventListener("click", () => {
    forgetKey();
    mayAsk = true;
    refresh();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  setInterval(() => {
    if (!document.hidden) refresh();
  }, EVERY_MS);
  return refresh();
}

/** Looks at the board now; a look that is under way is enough. */
export function refresh() {
  looking ??= look().finally(() => {
    looking = null;
  });
  return looking;
}

async function look() {
  try {
    const state = (await call("v1/doctor", { ask: mayAsk })).value;
    const measured = samples((await call("metrics", { as: "text", ask: false })).value);
    mayAsk = true;
    show(state, measured);
    for (const update of listeners) update(state);
    problem.hidden = true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) mayAsk = false;
    mark("bad", error.status === 401 ? "key needed" : error.status ? "error" : "no answer");
    problem.replaceChildren(error.message);
    if (error.request) problem.append(element("span", { className: "request" }, `status ${error.status} · ${error.request}`));
    problem.hidden = false;
  }
  keyButton.hidden = mayAsk && !key();
  keyButton.textContent = key() ? "Forget the key" : "Enter the key";
}

function mark(kind, text) {
  pill.className = `pill ${kind}`;
  // Unchanged text is not announced again.
  if (pill.textContent !== text) pill.textContent = text;
}

function show(state, measured) {
  mark(state.ready ? "good" : "bad", state.ready ? "ready" : "not ready");
  byId("board-device").textContent = state.device;
  document.title = `${state.device} · edgefuse`;
  list("board-problems", state.problems.map((text) => [text]));
  // The last one first.
  list("board-warnings", state.warnings.map(({ time, message }) => [at(time), message]).reverse());
  byId("board-models").replaceChildren(...state.models.map(model));
  byId("board-facts").replaceChildren(...facts(state).flatMap(([name, ...value]) => (
    [element("dt", {}, name), element("dd", {}, ...value)])));
  latencies("board-steps", histograms(measured, "edgefuse_step_duration_seconds", "step"));
  latencies("board-routes", histograms(measured, "edgefuse_http_request_duration_seconds", "route"));
  byId("board-seen").textContent = `Seen at ${new Date().toLocaleTimeString()}`;
}

/** A Unix time as a time of day, with the date if it is of another day. */
function at(time) {
  const date = new Date(time * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return element("span", { className: "time" }, today ? date.toLocaleTimeString() : date.toLocaleString());
}

function list(id, lines) {
  const place = byId(id);
  place.replaceChildren(...lines.map((line) => element("li", {}, ...line)));
  place.closest("section, div").hidden = !lines.length;
}

function model({ name, kind, folder_name: folder, can, loaded, error }) {
  const [mood, word] = error ? ["bad", "error"] : loaded ? ["good", "loaded"] : ["idle", "not loaded"];
  const about = [kind, folder === kind ? null : folder].filter(Boolean).join(", ");
  return element("li", {},
    element("div", { className: "line" }, element("strong", {}, name), element("span", { className: `pill ${mood}` }, word)),
    element("div", { className: "muted" }, [about, can.join(", ")].filter(Boolean).join(": ")),
    error ? element("div", { className: "problem" }, error) : null);
}

function facts({ memory, requests, uptime_seconds: up, version, library, pipeline }) {
  const { resident_bytes: resident, budget_bytes: budget } = memory;
  const known = resident === null ? "unknown" : bytes(resident);
  const used = budget ? [bar((resident ?? 0) / budget), `${known} of ${bytes(budget)}`] : [`${known}, no budget`];
  return [
    ["Memory", element("span", { className: "measured" }, ...used)],
    ["Running", `${requests.running} of ${requests.at_once}`],
    ["Waiting", `${requests.waiting} of ${requests.most_waiting}`],
    ["Live streams", `${requests.live} of ${requests.most_live}`],
    ["Pipeline", pipeline.length ? pipeline.join(" → ") : "none"],
    ["Running for", uptime(up)],
    ["Version", version],
    ["ONNX Runtime", `${library.version}, ${library.path}`],
  ];
}

function latencies(id, found) {
  const rows = found.map(({ of, count, mean, median }) => (
    row(of, String(count), seconds(mean), median === null ? "–" : `≈ ${seconds(median)}`)));
  const none = element("tr", {}, element("td", { colSpan: 4, className: "muted" }, "nothing yet"));
  byId(id).replaceChildren(...(rows.length ? rows : [none]));
}
