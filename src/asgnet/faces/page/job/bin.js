// What was removed, to be brought back while the page is open.

export class Bin extends EventTarget {
  /** `{words, back}`, the latest first. */
  things = [];

  /** @param {() => void} back brings it back. */
  put(words, back) {
    this.things.unshift({ words, back });
    this.dispatchEvent(new Event("change"));
  }

  bringBack(thing) {
    this.things = this.things.filter((one) => one !== thing);
    thing.back();
    this.dispatchEvent(new Event("change"));
  }

  empty() {
    this.things = [];
    this.dispatchEvent(new Event("change"));
  }
}
