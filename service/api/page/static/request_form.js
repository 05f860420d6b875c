/** The form that asks for a job, made from what the service says that it can do. */

import { read } from "./api.js";
import { byId, element, fill } from "./elements.js";
import { clearErrors, parameterFields, parameterValues, showErrors } from "./fields.js";
import { PictureField } from "./picture_field.js";
import { sentence } from "./wording.js";

const PICTURE_POINTERS = new Set(["/filename", "/object_key"]);

export class RequestForm {
  #picture = new PictureField();
  /** @type {Map<string, any>} */
  #operations = new Map();
  #accepted;

  /** @param {(job: Record<string, any>, source: string) => void} accepted is told the job and the picture that went in */
  constructor(accepted) {
    this.#accepted = accepted;
    byId("operation").addEventListener("change", () => this.#showParameters());
    byId("request").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /**
   * Offer what there is.
   * @param {Record<string, any>[]} operations of GET /api/v1/operations
   * @param {Record<string, any>[]} providers of GET /api/v1/providers
   */
  offer(operations, providers) {
    this.#operations = new Map(operations.map((operation) => [operation.name, operation]));
    fill(byId("operation"), ...operations.map(({ name, title }) => element("option", { value: name }, title)));
    const named = providers.map(({ name }) => element("option", { value: name }, name));
    fill(byId("provider"), element("option", { value: "" }, "as configured"), ...named);
    this.#showParameters();
  }

  #showParameters() {
    const operation = this.#operations.get(byId("operation").value);
    fill(byId("parameters"), ...(operation ? parameterFields(operation.parameters, "/parameters") : []));
  }

  async #send() {
    const send = byId("send");
    if (send.getAttribute("aria-disabled")) return;
    clearErrors(byId("request"));
    fill(byId("request-error"));
    send.setAttribute("aria-disabled", "true"); // not disabled: that would lose the focus
    fill(send, "Sending…");
    try {
      const source = this.#picture.shown;
      this.#accepted(await read("api/v1/jobs", { method: "POST", body: await this.#body() }), source);
    } catch (error) {
      this.#refused(error);
    } finally {
      send.removeAttribute("aria-disabled");
      fill(send, "Send");
    }
  }

  async #body() {
    const optional = { provider: byId("provider").value, callback_url: byId("callback-url").value.trim() };
    return {
      operation: byId("operation").value,
      prompt: byId("prompt").value,
      parameters: parameterValues(byId("parameters")),
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== "")),
      ...(await this.#picture.source()),
    };
  }

  /** @param {any} problem usually a Problem */
  #refused(problem) {
    const errors = (problem.document?.errors ?? []).map((error) => ({ ...error, pointer: placeOf(error) }));
    const homeless = showErrors(byId("request"), errors).map(({ detail }) => sentence(detail));
    const said = errors.length ? "Something is not right: see what is marked." : sentence(problem.message);
    fill(byId("request-error"), [said, ...homeless].join(" "));
  }
}

/** Where this form asks for what an error is about. @param {{pointer: string, code: string}} error */
const placeOf = ({ pointer, code }) => (code === "one_source" || PICTURE_POINTERS.has(pointer) ? "/image_base64" : pointer);
