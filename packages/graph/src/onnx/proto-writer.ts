/** Wire types of protocol buffers. */
const VARINT = 0
const LENGTH_DELIMITED = 2
const BITS_32 = 5

/**
 * Writes the wire format of protocol buffers, into memory that grows. A model's graph is written at each start, in tens of thousands of
 * small pieces, so nothing is kept aside and joined: a message's length is put before it when it is there.
 * https://protobuf.dev/programming-guides/encoding
 */
export class ProtoWriter {
  #bytes: Buffer
  #end = 0

  /** @param capacity Bytes to begin with. */
  constructor(capacity = 2 ** 16) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** An integer of up to 64 bits; negative ones as two's complement. */
  integer(field: number, value: number | bigint): void {
    this.#tag(field, VARINT)
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) this.#varint(value)
    else this.#wide(BigInt.asUintN(64, BigInt(value)))
  }

  float(field: number, value: number): void {
    this.#tag(field, BITS_32)
    this.#room(4)
    this.#end = this.#bytes.writeFloatLE(value, this.#end)
  }

  text(field: number, value: string): void {
    this.#tag(field, LENGTH_DELIMITED)
    this.#room(3 * value.length) // a unit of UTF-16 takes up to three bytes
    const begin = this.#end + 1
    this.#end = begin + this.#bytes.write(value, begin)
    this.#putLength(begin)
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, LENGTH_DELIMITED)
    this.#varint(value.byteLength)
    this.#room(value.byteLength)
    this.#bytes.set(value, this.#end)
    this.#end += value.byteLength
  }

  message(field: number, write: () => void): void {
    this.#tag(field, LENGTH_DELIMITED)
    const begin = ++this.#end
    write()
    this.#putLength(begin)
  }

  /** What was written. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#end)
  }

  #tag(field: number, wireType: number): void {
    this.#room(0)
    this.#varint(field * 8 + wireType)
  }

  /** Puts the length of what was written since `begin` before it, where one byte was left for it. */
  #putLength(begin: number): void {
    const end = this.#end
    let more = 0
    for (let rest = (end - begin) >>> 7; rest > 0; rest >>>= 7) more++
    if (more > 0) {
      this.#room(more)
      this.#bytes.copyWithin(begin + more, begin, end)
    }
    this.#end = begin - 1
    this.#varint(end - begin)
    this.#end = end + more
  }

  /** Below 2³¹. There is room for it wherever something is written. */
  #varint(value: number): void {
    for (; value > 0x7f; value >>>= 7) this.#bytes[this.#end++] = (value & 0x7f) | 0x80
    this.#bytes[this.#end++] = value
  }

  #wide(value: bigint): void {
    for (; value > 0x7fn; value >>= 7n) this.#bytes[this.#end++] = Number(value & 0x7fn) | 0x80
    this.#bytes[this.#end++] = Number(value)
  }

  /** Makes room for so many bytes, and for a tag, an integer and a length besides. */
  #room(count: number): void {
    const least = this.#end + count + 32
    if (least <= this.#bytes.byteLength) return
    const larger = Buffer.allocUnsafeSlow(Math.max(least, 2 * this.#bytes.byteLength))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}
