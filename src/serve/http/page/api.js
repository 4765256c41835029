// Calls of the service.

import { askForKey, key } from "./key.js";

/** A call that failed: what the service said, or why there was no answer. */
export class ApiError extends Error {
  constructor(message, status, request) {
    super(message);
    this.status = status;
    /** The id of the request, with which `edgefuse --verbose` logs it. */
    this.request = request;
  }
}

/** The address of a path of the API. Relative to the page, which a proxy may serve below a folder. */
export function address(path) {
  return new URL(path, document.baseURI);
}

/**
 * Calls the API. `json` or `form` is the body of a POST; without them it is a GET. `as` is "json", "text" or "blob".
 * If the service needs a key, the person is asked for it, unless `ask` is false.
 * With `as: "blob"` the value of a successful answer is its bytes. Resolves to `{value, status, request, seconds}`; rejects with an ApiError, or an AbortError after `signal`.
 */
export async function call(path, { json, form, as = "json", signal, ask = true, accept = [] } = {}) {
  const started = performance.now();
  const headers = new Headers();
  const sent = key();
  // The browser refuses other characters with a message that helps nobody.
  if (sent && /[^\x21-\x7e]/.test(sent)) throw new ApiError("the key has characters that no key can have", 401, null);
  if (sent) headers.set("authorization", `Bearer ${sent}`);
  if (json) headers.set("content-type", "application/json");
  const body = json ? JSON.stringify(json) : form;
  let response, text, blob;
  try {
    response = await fetch(address(path), { method: body ? "POST" : "GET", headers, body, signal, cache: "no-store" });
    if (as === "blob" && response.ok) blob = await response.blob();
    else text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(`no answer from the service (${error.message})`, 0, null);
  }
  const { status } = response;
  const request = response.headers.get("x-request-id");
  if (status === 401 && ask) {
    // Another call may have brought a key meanwhile.
    if (key() !== sent || (await askForKey(said(text)))) {
      return call(path, { json, form, as, signal, ask, accept });
    }
  }
  if (!response.ok && !accept.includes(status)) throw new ApiError(said(text) || `status ${status}`, status, request);
  const value = blob ?? (as === "json" ? parsed(text) : text);
  if (value === undefined) throw new ApiError("the answer is not JSON; is it from edgefuse?", status, request);
  return { value, status, request, seconds: (performance.now() - started) / 1000 };
}

/** The message of an error: of the API's, or of the steps of a record that failed. */
function said(text) {
  const value = parsed(text);
  if (value === undefined) return text.trim();
  if (typeof value?.error?.message === "string") return value.error.message;
  if (typeof value?.error === "string") return value.error;
  const steps = Object.values(value ?? {}).map((step) => step?.error);
  return steps.filter((problem) => typeof problem === "string").join("; ");
}

/** A JSON value; undefined if the text is none. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
