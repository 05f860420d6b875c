/** The service's API: every request of the page goes through here, with the key where one is in use. */

const KEY = "afterimage-key";

/** What the service has against a request: a problem document (RFC 9457), or no answer at all (status 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} [document]
   */
  constructor(status, document = {}) {
    super(document.detail ?? (status ? `The service answered ${status}.` : "The service does not answer."));
    this.status = status;
    this.document = document;
  }
}

/** Tells ("refused") that a key is missing or wrong. */
export const access = new EventTarget();

/** The key in use, or null. It lives as long as the tab. */
export const currentKey = () => sessionStorage.getItem(KEY);

/** @param {string | null} key */
export function useKey(key) {
  if (key === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, key);
}

/**
 * The answer to a request.
 * @param {string} path relative to the page, so that a prefix of a proxy stays
 * @param {{method?: string, body?: object, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 * @returns {Promise<Response>} with a status of success
 * @throws {Problem}
 */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const key = currentKey();
  const sent = new Headers(headers);
  if (key !== null) sent.set("Authorization", `Bearer ${key}`);
  if (body !== undefined) sent.set("Content-Type", "application/json");
  const answer = await reached(path, { method, headers: sent, body: body && JSON.stringify(body), signal });
  if (answer.ok) return answer;
  const problem = new Problem(answer.status, await answer.json().catch(() => undefined));
  if (answer.status === 401) access.dispatchEvent(new Event("refused"));
  throw problem;
}

/** The JSON of an answer. @type {(...request: Parameters<typeof ask>) => Promise<any>} */
export const read = async (...request) => (await ask(...request)).json();

/** @param {string} path @param {RequestInit} request */
async function reached(path, request) {
  try {
    return await fetch(new URL(path, document.baseURI), { ...request, cache: "no-store" });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new Problem(0);
  }
}
