const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Texts of an array of the metadata, each behind its length. They stay bytes until they are looked at: of a vocabulary's 150,000 often only a few are. */
export class TextList {
  readonly length: number
  readonly #bytes: Uint8Array
  /** Where each text begins, and behind the last one where a next one would. */
  readonly #begins: Uint32Array

  /** @param bytes Whose lengths were checked when the header was. */
  constructor(bytes: Uint8Array, length: number) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.length = length
    this.#bytes = bytes
    this.#begins = new Uint32Array(length + 1)
    for (let index = 0, begin = 8; index < length; index++) {
      this.#begins[index] = begin
      begin += view.getUint32(begin - 8, true) + 8 // less than 2³², as the header's check has seen
      this.#begins[index + 1] = begin
    }
  }

  /** Lenient: what is no UTF-8 becomes U+FFFD. */
  at(index: number): string | undefined {
    return index >= 0 && index < this.length ? decoder.decode(this.#bytes.subarray(this.#begins[index], this.#begins[index + 1]! - 8)) : undefined
  }

  all(): string[] {
    return Array.from({ length: this.length }, (_, index) => this.at(index)!)
  }
}
