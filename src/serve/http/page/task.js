// One request at a time: what it does, how long it has taken, how it ended, and a button to cancel it.

import { element } from "./dom.js";
import { seconds } from "./format.js";

export class Task {
  /** Adds its lines to `place`. */
  constructor(place) {
    this.status = element("span", { role: "status" });
    this.clock = element("span", { className: "clock", "aria-hidden": "true" });
    this.cancel = element("button", { type: "button", className: "quiet", hidden: true }, "Cancel");
    this.problem = element("p", { role: "alert", className: "problem", hidden: true });
    this.warnings = element("ul", { className: "warnings", hidden: true, "aria-label": "Warnings" });
    this.running = null;
    this.cancel.addEventListener("click", () => this.running?.abort());
    place.classList.add("task");
    place.append(element("p", { className: "progress" }, this.status, this.clock, this.cancel), this.problem, this.warnings);
  }

  /**
   * Runs `work(signal)`, which resolves to the answer of a call; one that still runs is cancelled. Shows `doing` meanwhile.
   * Resolves to the answer, or to null if there is none: the lines then say why.
   */
  async run(doing, work) {
    this.running?.abort();
    const own = new AbortController();
    this.running = own;
    this.clear();
    this.status.textContent = `${doing}…`;
    this.cancel.hidden = false;
    const started = performance.now();
    const ticking = setInterval(() => {
      this.clock.textContent = ` ${Math.floor((performance.now() - started) / 1000)} s`;
    }, 1000);
    try {
      const answer = await work(own.signal);
      if (this.running !== own) return null;
      this.end(`Done in ${seconds(answer.seconds)}.`);
      if (answer.request) this.status.append(" ", element("code", { className: "request" }, answer.request));
      this.warn(answer.value?.warnings ?? []);
      return answer;
    } catch (error) {
      if (this.running !== own) return null;
      this.end(error.name === "AbortError" ? "Cancelled." : "");
      if (error.name !== "AbortError") this.fail(error);
      return null;
    } finally {
      clearInterval(ticking);
      if (this.running === own) this.running = null;
    }
  }

  /** Shows an error: what the service said, the status and the id of the request. */
  fail(error) {
    this.problem.replaceChildren(error.message);
    const facts = [error.status ? `status ${error.status}` : null, error.request].filter(Boolean);
    if (facts.length) this.problem.append(element("span", { className: "request" }, facts.join(" · ")));
    this.problem.hidden = false;
  }

  warn(warnings) {
    this.warnings.replaceChildren(...warnings.map((warning) => element("li", {}, warning)));
    this.warnings.hidden = !warnings.length;
  }

  end(text) {
    this.status.textContent = text;
    this.clock.textContent = "";
    this.cancel.hidden = true;
  }

  clear() {
    this.end("");
    this.problem.hidden = true;
    this.warn([]);
  }
}
