/** The API key: asked for where the service needs one, kept for this tab, tried before it is believed. */

import { access, ask, currentKey, useKey } from "./api.js";
import { byId, fill } from "./elements.js";
import { sentence } from "./wording.js";

/** Events: "opened" when the API answers, "closed" when it wants a(nother) key. */
export class KeyForm extends EventTarget {
  constructor() {
    super();
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#use(byId("key-input").value.trim());
    });
    byId("key-forget").addEventListener("click", () => this.#close("", true));
    access.addEventListener("refused", () => this.#close("This key is not accepted.", false));
  }

  /** Begin with the key of this tab, if there is one. */
  start() {
    byId("key").hidden = false;
    if (currentKey() === null) this.#close("", false);
    else this.#open();
  }

  /** @param {string} key */
  async #use(key) {
    fill(byId("key-error"));
    if (!/^[!-~]+$/.test(key)) {
      this.#close("A key is made of letters, digits and signs, without spaces.", true);
      return;
    }
    useKey(key);
    try {
      await ask("api/v1/operations");
      this.#open();
    } catch (error) {
      this.#close(error.message, true);
    }
  }

  #open() {
    byId("key-form").hidden = true;
    byId("key-known").hidden = false;
    byId("key-input").value = "";
    this.#mark("");
    this.dispatchEvent(new Event("opened"));
  }

  /** @param {string} reason @param {boolean} focus */
  #close(reason, focus) {
    useKey(null);
    byId("key-form").hidden = false;
    byId("key-known").hidden = true;
    this.#mark(reason);
    if (focus) byId("key-input").focus();
    this.dispatchEvent(new Event("closed"));
  }

  /** @param {string} reason */
  #mark(reason) {
    fill(byId("key-error"), reason && sentence(reason));
    if (reason) byId("key-input").setAttribute("aria-invalid", "true");
    else byId("key-input").removeAttribute("aria-invalid");
  }
}
