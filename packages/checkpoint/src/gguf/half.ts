let table: Float32Array | undefined

/** Every float16 as float32, by its bits: 256 KB, made when first needed. */
function halves(): Float32Array {
  const values = new Float32Array(2 ** 16)
  for (let bits = 0; bits < 2 ** 16; bits++) {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
    const size = exponent === 31 ? (fraction === 0 ? Infinity : NaN) : exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
    values[bits] = bits < 2 ** 15 ? size : -size
  }
  return values
}

/** The little-endian float16 at a place. */
export const halfAt = (bytes: Uint8Array, at: number): number => (table ??= halves())[bytes[at]! | (bytes[at + 1]! << 8)]!
