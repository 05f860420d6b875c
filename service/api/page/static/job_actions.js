/** What can be done with a job: cancel it, do it again, take its picture or its report. */

import { ask, currentKey, read } from "./api.js";
import { byId, element, fill } from "./elements.js";
import { isBatch, reachable } from "./job_facts.js";

/** @typedef {import("./job_facts.js").Job} Job */

/**
 * Buttons and links for a job as it stands.
 * @param {Job} job
 * @param {{changed: (job: Job) => void, failed: (error: Error) => void}} listener is told the job as it is then, or the new one
 * @returns {HTMLElement[]}
 */
export function actions(job, { changed, failed }) {
  const post = (label, action, path, said) => {
    const act = async ({ currentTarget: button }) => {
      if (button.hasAttribute("aria-disabled")) return;
      button.setAttribute("aria-disabled", "true"); // not disabled: that would lose the focus
      try {
        const after = await read(`api/v1/jobs/${job.id}/${path}`, { method: "POST" });
        fill(byId("said"), said);
        changed(after);
      } catch (error) {
        failed(error);
      } finally {
        button.removeAttribute("aria-disabled");
      }
    };
    return element("button", { type: "button", "data-action": action, "aria-label": `${label} ${shortId(job)}`, click: act }, label);
  };
  const { fallback, failed: lost } = job.progress;
  const unsuccessful = job.finished && job.status !== "succeeded";
  const redoable = isBatch(job) ? lost > 0 : unsuccessful;
  const fellBack = job.finished && (fallback > 0 || job.output?.source === "fallback");
  return [
    download(job),
    isBatch(job) && job.finished && report(job, failed),
    !job.finished && post("Cancel", "cancel", "cancel", "The job is being canceled."),
    job.finished && redoable && post("Retry", "retry", "retry", "A new job does it again."),
    fellBack && post(isBatch(job) ? "Retry fallbacks" : "Ask the provider again", "retry-fallbacks", "retry?status=fallback", "A new job does it again."),
  ].filter((action) => action instanceof HTMLElement);
}

/** The end of a job's id: enough to tell it from others. @param {Job} job */
export const shortId = (job) => `…${job.id.slice(-6)}`;

/** @param {Job} job */
function download(job) {
  const url = job.output?.url;
  return url && element("a", { class: "button", "data-action": "download", href: reachable(job, url), download: "", "aria-label": `Download ${shortId(job)}` }, "Download");
}

/**
 * The report is behind a redirect: a link follows it, but sends no key.
 * @param {Job} job
 * @param {(error: Error) => void} failed
 */
function report(job, failed) {
  const path = `api/v1/jobs/${job.id}/report`;
  const about = { "data-action": "report", "aria-label": `Report of ${shortId(job)}` };
  if (currentKey() === null) return element("a", { class: "button", href: path, download: "", ...about }, "Report");
  const save = async () => {
    try {
      const url = URL.createObjectURL(await (await ask(path)).blob());
      element("a", { href: url, download: `${job.id}-report.json` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      failed(error.status === 0 ? new Error("The store does not let this page read the report; it lies beside the results.") : error);
    }
  };
  return element("button", { type: "button", click: save, ...about }, "Report");
}
