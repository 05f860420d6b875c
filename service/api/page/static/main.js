/** Puts the parts of the page together. */

import { read } from "./api.js";
import { byId, fill } from "./elements.js";
import { JobList } from "./job_list.js";
import { JobViewer } from "./job_viewer.js";
import { KeyForm } from "./key_form.js";
import { RequestForm } from "./request_form.js";
import { Standing } from "./standing.js";

const AGAIN_MILLISECONDS = 5000;
const JOB_HASH = /^#(job_[0-9a-f]{32})$/;

/** The pictures that went into jobs sent from here, by job. @type {Map<string, string>} */
const sources = new Map();

const viewer = new JobViewer((job) => {
  if (`#${job.id}` !== location.hash) location.hash = job.id; // a new one takes its place
  list.refresh();
});
const list = new JobList((jobs) => viewer.update(jobs));
const form = new RequestForm((job, source) => {
  sources.set(job.id, source);
  location.hash = job.id;
  list.refresh();
});

/** Show the job that the address names. */
function showNamed() {
  const jobId = JOB_HASH.exec(location.hash)?.[1];
  if (!jobId || byId("open").hidden) return;
  viewer.show(jobId, sources.get(jobId) ?? "");
  byId("viewer").scrollIntoView({ block: "nearest" });
}

/** Offer what the API can do; again and again while it cannot say. @param {Standing} standing */
async function open(standing) {
  standing.show(true);
  try {
    const [operations, providers] = await Promise.all([read("api/v1/operations"), read("api/v1/providers")]);
    form.offer(operations.data, providers.data);
  } catch (error) {
    if (error.status !== 401) setTimeout(open, AGAIN_MILLISECONDS, standing);
    return;
  }
  byId("open").hidden = false;
  list.refresh();
  showNamed();
}

/** Leave no trace of what only those with a key may see. @param {Standing} standing */
function close(standing) {
  byId("open").hidden = true;
  list.stop();
  viewer.close();
  standing.show(false);
}

async function start() {
  const index = await read("./", { headers: { Accept: "application/json" } });
  const standing = new Standing(index);
  fill(byId("mcp"), index.urls.mcp);
  addEventListener("hashchange", showNamed);
  byId("jobs").addEventListener("click", (event) => {
    if (event.target.hash) byId("viewer-title").focus(); // a link to a job leads there, for the keyboard, too
    if (event.target.hash === location.hash) showNamed();
  });
  if (!index.key_needed) {
    await open(standing);
    return;
  }
  const key = new KeyForm();
  key.addEventListener("opened", () => open(standing));
  key.addEventListener("closed", () => close(standing));
  key.start();
}

start().catch((error) => fill(byId("readiness"), error.message));
