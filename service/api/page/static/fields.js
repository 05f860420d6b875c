/** Fields of a form made from a JSON Schema, and problems shown at the fields that they name. */

import { element } from "./elements.js";
import { plain, sentence, titled } from "./wording.js";

/**
 * A field for each parameter.
 * @param {{properties?: Record<string, any>}} schema JSON Schema of an object
 * @param {string} pointer JSON pointer of that object in the request
 * @returns {HTMLElement[]}
 */
export function parameterFields(schema, pointer) {
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const id = `parameter-${name}`;
    const hint = `${id}-hint`;
    const control = controlFor(property);
    control.id = id;
    control.setAttribute("name", name);
    control.setAttribute("aria-describedby", hint);
    return element(
      "div", { class: "field", "data-pointer": `${pointer}/${name}` },
      element("label", { for: id }, titled(name)),
      control,
      element("p", { class: "hint", id: hint }, property.description),
    );
  });
}

/** What was filled in, by name. @param {HTMLElement} parent @returns {Record<string, string | number | boolean>} */
export function parameterValues(parent) {
  /** @type {NodeListOf<HTMLInputElement | HTMLSelectElement>} */
  const controls = parent.querySelectorAll("[name]");
  const filled = [...controls].filter((control) => control.value.trim() !== "");
  return Object.fromEntries(filled.map((control) => [control.name, valueOf(control)]));
}

/**
 * Say at each field what is wrong with it, and go to the first one.
 * @param {HTMLElement} form
 * @param {{pointer: string, detail: string}[]} errors
 * @returns {{pointer: string, detail: string}[]} those that no field stands for
 */
export function showErrors(form, errors) {
  clearErrors(form);
  const homeless = errors.filter(({ pointer, detail }) => {
    const field = form.querySelector(`[data-pointer="${CSS.escape(pointer)}"]`);
    if (field) mark(field, detail);
    return !field;
  });
  const first = form.querySelector("[aria-invalid]");
  first?.closest("details")?.setAttribute("open", "");
  if (first instanceof HTMLElement) first.focus();
  return homeless;
}

/** @param {HTMLElement} form */
export function clearErrors(form) {
  form.querySelectorAll(".field-error").forEach((shown) => shown.remove());
  form.querySelectorAll("[aria-invalid]").forEach((control) => {
    control.removeAttribute("aria-invalid");
    const others = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => !id.endsWith("-error"));
    control.setAttribute("aria-describedby", others.join(" "));
  });
}

/** @param {Element} field @param {string} detail */
function mark(field, detail) {
  const control = field.querySelector("input, select, textarea");
  if (!control) return;
  const id = `${control.id}-error`;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", `${control.getAttribute("aria-describedby") ?? ""} ${id}`.trim());
  field.append(element("p", { class: "error field-error", id }, sentence(detail)));
}

/** @param {any} property a property, or what it is beside null @returns {HTMLElement} */
function controlFor(property) {
  const schema = property.anyOf?.find((one) => one.type !== "null") ?? property;
  const values = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  if (values) {
    const options = values.map((value) => element("option", { value }, plain(String(value))));
    return element("select", { "data-type": schema.type }, element("option", { value: "" }, "not set"), ...options);
  }
  const isNumber = schema.type === "integer" || schema.type === "number";
  return element("input", {
    "data-type": schema.type,
    type: isNumber ? "number" : "text",
    min: schema.minimum,
    max: schema.maximum,
    step: schema.type === "number" ? "any" : null,
    autocomplete: "off",
  });
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function valueOf(control) {
  if (control.dataset.type === "integer" || control.dataset.type === "number") return Number(control.value);
  return control.dataset.type === "boolean" ? control.value === "true" : control.value;
}
