/** Elements of the document, made and found. Text is only ever set as text. */

/**
 * @typedef {Node | string | null | undefined | false} Child
 *
 * @param {string} name
 * @param {Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>} [attributes]
 *   functions listen to the event of that name; true is an attribute without a value, false and null are none
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...present(children));
  return made;
}

/** Put children in the place of those that are there. @param {Element} parent @param {...Child} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

/** The element with an id, which index.html has. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Pairs of term and description for a `dl`; those without a description are left out. @param {[string, Child][]} pairs */
export const terms = (pairs) =>
  pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
    .map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value)));

/** @param {Child[]} children @returns {(Node | string)[]} */
const present = (children) =>
  /** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
