/** Puts the parts of the page together. */

import { read } from "./api.js";
import { byId, fill } from "./elements.js";
import { JobList } from "./job_list.js";
import { JobViewer } from "./job_viewer.js";
import { KeyForm } from "./key_form.js";
import { RequestForm } from "./request_form.js";
import { hideProviders, showProviders, showStanding } from "./standing.js";

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

/** Begin with all that the API is needed for. @param {import("./standing.js").Index} index */
async function open(index) {
  const [operations, providers, storage] = await Promise.all(
    ["api/v1/operations", "api/v1/providers", "cos/config"].map((path) => read(path)),
  );
  form.offer(operations.data, providers.data);
  showProviders(providers.data);
  showStanding(index, storage);
  byId("open").hidden = false;
  list.refresh();
  showNamed();
}

/** Leave no trace of what only those with a key may see. */
function close() {
  byId("open").hidden = true;
  list.stop();
  viewer.close();
  hideProviders();
}

async function start() {
  const index = await read("./", { headers: { Accept: "application/json" } });
  const begin = () => open(index).catch((error) => fill(byId("readiness"), error.message));
  showStanding(index);
  addEventListener("hashchange", showNamed);
  byId("jobs").addEventListener("click", (event) => {
    if (event.target.hash) byId("viewer-title").focus(); // a link to a job leads there, for the keyboard, too
    if (event.target.hash === location.hash) showNamed();
  });
  if (!index.key_needed) {
    await begin();
    return;
  }
  const key = new KeyForm();
  key.addEventListener("opened", begin);
  key.addEventListener("closed", close);
  key.start();
}

start().catch((error) => fill(byId("readiness"), error.message));
