/**
 * Takes a stream of server-sent events apart (HTML standard, "Interpreting an event stream").
 *
 * Our own, because EventSource cannot send the credential. Bounded: a line or an event larger than
 * the limit is an error, whatever arrives.
 */

/** The largest line, and the most data of one event, characters. */
export const LIMIT = 65536;

/** @typedef {{event: string, data: string}} ServerEvent */

export class EventParser {
  #rest = "";
  #event = "";
  /** @type {string[]} */
  #data = [];
  #size = 0;
  #started = false;
  #limit;

  /** @param {number} [limit] */
  constructor(limit = LIMIT) {
    this.#limit = limit;
  }

  /**
   * Takes the next piece of text, cut anywhere.
   * @param {string} text
   * @returns {ServerEvent[]} the events that are complete now
   * @throws {RangeError} when the stream is no event stream of ours
   */
  push(text) {
    if (!this.#started && text !== "") {
      this.#started = true;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    /** @type {ServerEvent[]} */
    const events = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#check(line.length);
      const event = this.#line(line);
      if (event) events.push(event);
    }
    this.#check(this.#rest.length);
    return events;
  }

  /**
   * @param {string} line
   * @returns {ServerEvent | undefined}
   */
  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "data") {
      this.#size += value.length + 1;
      this.#check(this.#size);
      this.#data.push(value);
    }
    return undefined;
  }

  /** @returns {ServerEvent | undefined} */
  #dispatch() {
    const event = { event: this.#event || "message", data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    this.#size = 0;
    return empty ? undefined : event;
  }

  /** @param {number} size */
  #check(size) {
    if (size > this.#limit) throw new RangeError("an event is larger than the limit");
  }
}
