/** One job whole: followed while it runs, with the picture that went in beside the one that came out. */

import { read } from "./api.js";
import { byId, element, fill } from "./elements.js";
import { happenings } from "./events.js";
import { actions } from "./job_actions.js";
import { badge, facts, fallbackBadge, isBatch, notices, progress, reachable } from "./job_facts.js";
import { moment, plain, titled } from "./wording.js";

/** @typedef {import("./job_facts.js").Job} Job */

export class JobViewer {
  /** @type {Job | null} */
  #job = null;
  #source = "";
  #following = new AbortController();
  #changed;
  #parts = {
    head: element("p", { class: "job-head", role: "status" }),
    steps: element("ol", { class: "steps", "aria-label": "What happened" }),
    progress: element("div"),
    pictures: element("div", { class: "pictures" }),
    notices: element("div"),
    facts: element("dl", { class: "facts" }),
    actions: element("div", { class: "row" }),
    error: element("p", { class: "error", role: "alert" }),
  };

  /** @param {(job: Job) => void} changed is told when the job has ended, or a new one takes its place */
  constructor(changed) {
    this.#changed = changed;
    fill(byId("viewer-job"), ...Object.values(this.#parts));
  }

  /**
   * Show a job, and follow it to its end.
   * @param {string} jobId
   * @param {string} source an object URL of the picture that went in, or empty where the page does not have it
   */
  async show(jobId, source) {
    this.close();
    const { signal } = this.#following;
    this.#source = source;
    byId("viewer-empty").hidden = true;
    byId("viewer-job").hidden = false;
    try {
      this.#set(await read(`api/v1/jobs/${jobId}`, { signal }));
      for await (const event of happenings(jobId, signal)) {
        this.#step(event);
        if (this.#job && !this.#job.finished && event.data.status === undefined) this.#set(after(event, this.#job));
      }
      if (this.#job?.finished) return;
      this.#set(await read(`api/v1/jobs/${jobId}`, { signal }));
      if (this.#job) this.#changed(this.#job);
    } catch (error) {
      if (!signal.aborted) fill(this.#parts.error, error.message);
    }
  }

  /** Leave the job that is shown. */
  close() {
    this.#following.abort();
    this.#following = new AbortController();
    this.#job = null;
    for (const part of Object.values(this.#parts)) fill(part);
    byId("viewer-empty").hidden = false;
    byId("viewer-job").hidden = true;
  }

  /** Take over what no event tells: callback, cost, place in the queue. @param {Job[]} jobs as a list shows them */
  update(jobs) {
    const job = jobs.find(({ id }) => id === this.#job?.id);
    if (!job || !this.#job || job.status !== this.#job.status) return; // events bring another state
    const { callback, cost, progress: { queue_position } } = job;
    this.#job = { ...this.#job, callback, cost, progress: { ...this.#job.progress, queue_position } };
    fill(this.#parts.progress, progress(this.#job));
    fill(this.#parts.facts, ...facts(this.#job));
  }

  /** @param {Job} job */
  #set(job) {
    const before = this.#job;
    this.#job = job;
    const { head, progress: bar, pictures, notices: notes, facts: about, actions: doable } = this.#parts;
    if (before?.status !== job.status) fill(head, badge(job), fallbackBadge(job), element("strong", {}, isBatch(job) ? "Batch" : titled(job.operation)));
    fill(bar, progress(job));
    if (before?.finished !== job.finished) fill(pictures, ...this.#pictures(job));
    fill(notes, ...notices(job));
    fill(about, ...facts(job));
    if (before?.finished === job.finished) return;
    const failed = (error) => fill(this.#parts.error, error.message);
    fill(doable, ...actions(job, { changed: this.#changed, failed }));
  }

  /** @param {Job} job */
  #pictures(job) {
    const awaited = this.#source && !job.finished && element("div", { class: "awaited" });
    const source = this.#source && element("img", { src: this.#source, alt: "The picture that went in" });
    const url = job.output?.url;
    const label = job.output?.source === "fallback" ? "After, by the local fallback" : "After";
    const gone = job.output && !url && element("p", { class: "empty" }, "The picture has been removed.");
    const output = url && element("a", { href: reachable(job, url), download: "" }, element("img", { src: reachable(job, url), alt: "The picture that came out; follow to download it" }));
    return [
      source && element("figure", {}, source, element("figcaption", {}, "Before")),
      (output || gone || awaited) && element("figure", {}, output || gone || awaited, element("figcaption", {}, label)),
    ].filter(Boolean);
  }

  /** @param {{type: string, at: string}} event */
  #step(event) {
    const { steps } = this.#parts;
    const name = event.type.replace("job.", "");
    const last = steps.lastElementChild;
    if (name === "progress" && last?.getAttribute("data-name") === name) last.remove(); // the latest one is enough
    steps.append(element("li", { "data-name": name, title: moment(event.at) }, plain(name)));
  }
}

/** A job after an event that is not its last. @param {{type: string, data: Record<string, number>}} event @param {Job} job */
const after = ({ type, data }, job) =>
  type === "job.queued" ? job : { ...job, status: "running", progress: { ...job.progress, queue_position: null, ...data } };
