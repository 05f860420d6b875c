/** The latest jobs, page by page, kept up to date while the page is looked at. */

import { read } from "./api.js";
import { byId, element, fill } from "./elements.js";
import { actions, shortId } from "./job_actions.js";
import { badge, callback, fallbackBadge, isBatch, maker, progress, reachable, time } from "./job_facts.js";
import { cost, counted, titled } from "./wording.js";

const PAGE_JOBS = 10;
const BUSY_MILLISECONDS = 2000;
const QUIET_MILLISECONDS = 15_000;

/** @typedef {import("./job_facts.js").Job} Job */

export class JobList {
  /** The cursors of the pages from the first to this one. @type {(string | null)[]} */
  #cursors = [null];
  /** @type {string | null} */
  #next = null;
  /** @type {Map<string, {row: HTMLElement, shown: string}>} */
  #rows = new Map();
  #timer = 0;
  #round = 0;
  #told;

  /** @param {(jobs: Job[]) => void} told is told the jobs of a page whenever they were read */
  constructor(told) {
    this.#told = told;
    byId("jobs-status").addEventListener("change", () => this.#choose());
    byId("jobs-older").addEventListener("click", () => this.#turn([...this.#cursors, this.#next]));
    byId("jobs-newer").addEventListener("click", () => this.#turn(this.#cursors.slice(0, -1)));
    document.addEventListener("visibilitychange", () => !document.hidden && this.#timer && this.refresh());
  }

  /** Read the page again, and from then on by itself. */
  async refresh() {
    const round = ++this.#round; // an answer that a later question has overtaken is left
    clearTimeout(this.#timer);
    try {
      const page = await read(`api/v1/jobs?${this.#query()}`);
      if (round !== this.#round) return;
      this.#show(page);
      this.#told(page.data);
      const busy = page.data.some((job) => !job.finished || job.callback?.state === "pending");
      this.#timer = setTimeout(() => document.hidden || this.refresh(), busy ? BUSY_MILLISECONDS : QUIET_MILLISECONDS);
    } catch (error) {
      if (round !== this.#round) return;
      fill(byId("jobs-error"), error.message);
      if (error.status !== 401) this.#timer = setTimeout(() => this.refresh(), QUIET_MILLISECONDS);
    }
  }

  /** Stop reading. */
  stop() {
    this.#round++;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #query() {
    const query = new URLSearchParams({ limit: String(PAGE_JOBS) });
    const status = byId("jobs-status").value;
    const cursor = this.#cursors[this.#cursors.length - 1];
    if (status) query.set("status", status);
    if (cursor) query.set("cursor", cursor);
    return query;
  }

  async #choose() {
    this.#cursors = [null];
    fill(byId("jobs-empty"), byId("jobs-status").value ? "No such jobs." : "No jobs yet.");
    await this.refresh();
  }

  /** @param {(string | null)[]} cursors */
  async #turn(cursors) {
    this.#cursors = cursors;
    await this.refresh();
    byId("jobs-title").focus({ preventScroll: true });
  }

  /** @param {{data: Job[], next_cursor: string | null}} page */
  #show(page) {
    this.#next = page.next_cursor;
    const known = this.#rows;
    this.#rows = new Map(page.data.map((job) => [job.id, this.#updated(job, known.get(job.id))]));
    const rows = [...this.#rows.values()].map(({ row }) => row);
    const list = byId("jobs");
    if (rows.length !== list.children.length || rows.some((row, at) => row !== list.children[at])) fill(list, ...rows);
    byId("jobs-empty").hidden = rows.length > 0;
    byId("jobs-older").hidden = this.#next === null;
    byId("jobs-newer").hidden = this.#cursors.length === 1;
    fill(byId("jobs-error"));
  }

  /** @param {Job} job @param {{row: HTMLElement, shown: string}} [known] */
  #updated(job, known) {
    const row = known?.row ?? element("li", {});
    const shown = JSON.stringify({ ...job, output: { ...job.output, url: "", url_expires_at: "" } });
    if (shown !== known?.shown) this.#write(row, job);
    row.querySelector("time")?.replaceWith(time(job.created_at)); // what passes by itself
    const link = row.querySelector("a[data-action=download]");
    if (link && job.output?.url) link.setAttribute("href", reachable(job, job.output.url));
    return { row, shown };
  }

  /** @param {HTMLElement} row @param {Job} job */
  #write(row, job) {
    const had = row.contains(document.activeElement);
    const kind = isBatch(job) ? "Batch" : titled(job.operation);
    const listener = { changed: () => this.refresh(), failed: (error) => fill(byId("jobs-error"), error.message) };
    const remarks = [
      job.error?.message,
      job.output?.key.split("/").pop(),
      maker(job) && `by ${maker(job)}`,
      job.cost && cost(job.cost.usd),
      job.callback && `callback ${callback(job)}`,
      job.warnings.length > 0 && counted(job.warnings.length, "note", "notes"),
    ];
    fill(
      row,
      element(
        "div", { class: "job-about" },
        element("p", { class: "job-head" }, badge(job), fallbackBadge(job), element("a", { href: `#${job.id}` }, `${kind} ${shortId(job)}`), time(job.created_at)),
        progress(job),
        element("p", { class: "quiet job-remarks" }, remarks.filter(Boolean).join(" · ")),
      ),
      element("div", { class: "row job-actions" }, ...actions(job, listener)),
    );
    if (had) row.querySelector("a")?.focus();
  }
}
