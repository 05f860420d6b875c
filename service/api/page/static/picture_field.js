/** Choosing the picture: from a file, dropped, pasted, or by its address. */

import { byId, fill } from "./elements.js";
import { bytes } from "./wording.js";

export class PictureField {
  /** @type {File | null} */
  #file = null;
  #shown = "";

  constructor() {
    const drop = byId("drop");
    byId("file").addEventListener("change", () => this.#take(byId("file").files));
    byId("image-url").addEventListener("input", () => byId("image-url").value && this.#take(null));
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => { event.preventDefault(); this.#take(event.dataTransfer.files); });
    document.addEventListener("paste", (event) => {
      if (event.clipboardData?.files.length) this.#take(event.clipboardData.files);
    });
  }

  /** What is shown as the source: an object URL, or empty for a picture elsewhere. */
  get shown() {
    return this.#shown;
  }

  /** The part of a request that names the picture. @returns {Promise<Record<string, string>>} */
  async source() {
    const address = byId("image-url").value.trim();
    if (this.#file) return { image_base64: await dataUrl(this.#file), filename: this.#file.name };
    return address ? { image_url: address } : {};
  }

  /** @param {FileList | null} files */
  #take(files) {
    const file = files?.[0] ?? null;
    if (files && !file) return; // a dialogue that was left
    this.#file = file;
    this.#shown = file ? URL.createObjectURL(file) : ""; // kept: a result may stand beside it for as long as the page
    byId("preview").hidden = !file;
    if (file) {
      byId("preview").src = this.#shown;
      byId("image-url").value = "";
    } else {
      byId("file").value = "";
    }
    fill(byId("file-label"), file ? "Choose another" : "Choose a picture");
    fill(byId("picture-hint"), file ? `${file.name}, ${bytes(file.size)}` : "or drop or paste one here");
  }
}

/** @param {File} file @returns {Promise<string>} */
const dataUrl = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
