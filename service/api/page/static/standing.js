/** How the service stands: what it needs, where pictures are, and who edits them. */

import { Problem, read } from "./api.js";
import { byId, element, fill, terms } from "./elements.js";
import { ago, plain, titled } from "./wording.js";

const WHERE = { folder: "a folder of this service", cos: "IBM Cloud Object Storage or another S3 store", r2: "Cloudflare R2" };

const REFRESH_MILLISECONDS = 30_000;

/** @typedef {{name: string, version: string, key_needed: boolean, urls: Record<string, string>}} Index */

export class Standing {
  #index;
  #open = false;

  /** @param {Index} index */
  constructor(index) {
    this.#index = index;
    setInterval(() => document.hidden || this.refresh(), REFRESH_MILLISECONDS);
  }

  /** @param {boolean} open whether the API may be asked for what not everybody may know */
  async show(open) {
    this.#open = open;
    await this.refresh();
  }

  /** Ask again. */
  async refresh() {
    const components = await readiness();
    const [storage, providers] = this.#open ? await Promise.all([read("cos/config"), read("api/v1/providers")]).catch(() => []) : [];
    const missing = components.filter(({ ok }) => !ok);
    const pill = byId("readiness");
    pill.className = `badge ${missing.length ? "failed" : "succeeded"}`;
    fill(pill, missing.length ? `not ready: ${missing.map(({ name }) => name).join(", ")}` : "ready");
    fill(byId("version"), `version ${this.#index.version}`);
    fill(
      byId("standing"),
      ...terms([
        ...components.map(({ name, ok, detail }) => /** @type {[string, string]} */ ([titled(name), ok ? "answers" : detail || "does not answer"])),
        ["Pictures in", storage && WHERE[storage.storage]],
        ["API key", this.#index.key_needed ? "needed" : "not needed"],
      ]),
    );
    fill(byId("providers"), ...(this.#open && providers ? providerList(providers.data) : []));
  }
}

/** Who edits pictures. @param {Record<string, any>[]} providers of GET /api/v1/providers */
function providerList(providers) {
  const rows = providers.map(({ name, models, paid, formats, state }) => {
    const remarks = [models.join(", "), paid ? "paid" : "free", `writes ${formats.join(", ")}`, load(state)];
    return element(
      "li", {},
      element("p", { class: "job-head" }, element("strong", {}, name), circuit(state)),
      element("p", { class: "quiet" }, remarks.filter(Boolean).join(" · ")),
    );
  });
  return [element("h3", {}, "Providers"), element("ul", { class: "jobs" }, ...rows)];
}

/** Whether a provider is asked at present. @param {Record<string, any>} state */
function circuit({ circuit: is, circuit_reason: reason, circuit_code: code, circuit_open_until: until }) {
  if (is === undefined || is === "closed") return element("span", { class: "badge succeeded" }, "available");
  const why = `${plain(reason)}${code ? ` (${code})` : ""}`;
  const when = is === "open" && until ? `, asked again ${ago(until)}` : ", being tried";
  return element("span", { class: "badge failed" }, `not asked: ${why}${when}`);
}

/** How much a provider has to do. @param {Record<string, any>} state */
const load = ({ in_flight: out, concurrency_limit: limit, waiting }) =>
  out !== undefined && `${out} of ${limit} calls under way${waiting ? `, ${waiting} waiting` : ""}`;

/** @returns {Promise<{name: string, ok: boolean, detail: string}[]>} */
async function readiness() {
  try {
    return (await read("api/v1/health/ready")).components;
  } catch (error) {
    if (error instanceof Problem && error.document.components) return error.document.components;
    return [{ name: "service", ok: false, detail: error.message }];
  }
}
