/** What there is to say about a job, as elements. */

import { element, terms } from "./elements.js";
import { ago, cost, counted, duration, moment, plain, sentence } from "./wording.js";

/** @typedef {Record<string, any>} Job a job as the API writes it, whole or as lists show it */

/** Whether a job is about many pictures. @param {Job} job */
export const isBatch = (job) => job.urls.items !== undefined;

/** A job's state. @param {Job} job */
export const badge = (job) => element("span", { class: `badge ${job.status}` }, plain(job.status));

/** That a result is no provider's, said plainly. @param {Job} job */
export const fallbackBadge = (job) => job.output?.source === "fallback" && element("span", { class: "badge fallback" }, "fallback");

/** When something was. @param {string} at */
export const time = (at) => element("time", { datetime: at, title: moment(at) }, ago(at));

/**
 * A link that the service has made, leading to the service by the address at which this page was reached.
 * @param {Job} job
 * @param {string} url
 */
export function reachable(job, url) {
  const [publicUrl] = job.urls.self.split("/api/v1/");
  return url.startsWith(`${publicUrl}/`) ? new URL(url.slice(publicUrl.length + 1), document.baseURI).href : url;
}

/** How far a job is, as a bar and in words; nothing for a single one that has ended. @param {Job} job */
export function progress(job) {
  const { total, succeeded, fallback, failed, skipped, queue_position: ahead } = job.progress;
  if (!isBatch(job)) {
    if (job.finished) return null;
    const waits = ahead > 0 && element("p", {}, `${counted(ahead, "job", "jobs")} before it`);
    return element("div", { class: "progress" }, element("progress", { "aria-label": "Progress" }), waits);
  }
  const done = succeeded + fallback + failed + skipped;
  const counts = [[succeeded, "done"], [fallback, "fell back"], [failed, "failed"], [skipped, "skipped"]];
  const words = counts.filter(([count]) => count).map(([count, word]) => `${count.toLocaleString("en")} ${word}`);
  return element(
    "div", { class: "progress" },
    element("progress", { "aria-label": "Progress", max: total || 1, value: job.finished ? total || 1 : done }),
    element("p", {}, [`${done.toLocaleString("en")} of ${counted(total, "picture", "pictures")}`, ...words].join(" · ")),
  );
}

/** Why a job failed, and what to know of its result. @param {Job} job @returns {HTMLElement[]} */
export function notices(job) {
  const notice = (kind, title, text) => element("p", { class: `notice ${kind}` }, element("strong", {}, `${title} `), text);
  const { error, output, warnings } = job;
  const found = [];
  if (error) {
    const codes = [error.code, error.provider_code].filter(Boolean).join(", ");
    found.push(notice("bad", "It failed.", `${sentence(error.message)} (${codes})`));
  }
  if (output?.fallback) {
    const { provider, reason, provider_code: code } = output.fallback;
    const because = `${provider} could not: ${plain(reason)}${code ? ` (${code})` : ""}. The picture says so, too.`;
    found.push(notice("warn", "Made locally as a fallback.", because));
  }
  return [...found, ...warnings.map((text) => notice("warn", "Note.", sentence(text)))];
}

/** Where a job's callback is; null where none is wanted. @param {Job} job */
export function callback(job) {
  if (!job.callback) return null;
  const { state, attempts, last_status: status, next_attempt_at: next } = job.callback;
  const parts = [
    plain(state),
    attempts > 0 && counted(attempts, "attempt", "attempts"),
    status && `last answered ${status}`,
    state === "pending" && next && `next ${ago(next)}`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** Who made the picture. @param {Job} job */
export function maker(job) {
  if (!job.output) return null;
  const { source, provider, model } = job.output;
  return source === "fallback" ? "the local fallback" : `provider ${provider}${model ? `, ${model}` : ""}`;
}

/** Everything else about a job as terms. @param {Job} job */
export function facts(job) {
  const { output, batch } = job;
  const charged = job.attempts?.some((attempt) => attempt.possibly_billed) && "an answer was lost: it may have been charged";
  return terms([
    ["Made by", maker(job)],
    ["Size", output && `${output.width} × ${output.height}, ${output.mime_type}`],
    ["Time", job.started_at && job.finished_at && duration(job.started_at, job.finished_at)],
    ["Cost", job.cost && cost(job.cost.usd)],
    ["Billing", charged],
    ["Attempts", job.attempts?.length > 1 && String(job.attempts.length)],
    ["Callback", callback(job)],
    ["Results in", batch && `${batch.output_bucket}/${batch.output_prefix}`],
    ["Kept until", job.expires_at && moment(job.expires_at)],
    ["Id", element("code", {}, job.id)],
  ]);
}
