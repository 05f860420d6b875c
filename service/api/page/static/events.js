/** Server-Sent Events with a key: EventSource can send no header, so the stream is read here (HTML standard, 9.2). */

import { ask, Problem } from "./api.js";

const RETRY_MILLISECONDS = 2000;

/**
 * What happens to a job, each event once and in order, up to the final one; goes on where a connection was cut.
 * @param {string} jobId
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{sequence: number, type: string, at: string, data: Record<string, any>}>}
 * @throws {Problem} what will not pass by itself
 */
export async function* happenings(jobId, signal) {
  let last = "";
  for (;;) {
    try {
      const answer = await ask(`api/v1/jobs/${jobId}/events`, { headers: last ? { "Last-Event-ID": last } : {}, signal });
      if (answer.status === 204 || answer.body === null) return;
      for await (const { id, data } of messages(answer.body)) {
        last = id;
        const event = JSON.parse(data);
        yield event;
        if (event.data.status !== undefined) return;
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Problem && error.status >= 400 && error.status < 500)) throw error;
    }
    await pause(signal);
  }
}

/** The messages of a stream that have data. @param {ReadableStream<Uint8Array>} body */
async function* messages(body) {
  let id = "";
  let data = [];
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length) yield { id, data: data.join("\n") };
      data = [];
      continue;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? ["", "", ""];
    if (field === "data") data.push(value);
    else if (field === "id") id = value;
  }
}

/** @param {ReadableStream<Uint8Array>} body @returns {AsyncGenerator<string>} */
async function* lines(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const whole = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
      rest = whole.pop() ?? "";
      yield* whole;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** @param {AbortSignal} signal */
const pause = (signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, RETRY_MILLISECONDS);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
