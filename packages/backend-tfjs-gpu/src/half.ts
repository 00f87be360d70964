const word = new Float32Array(1)
const bits = new Uint32Array(word.buffer)

/** All 65,536 numbers of IEEE 754 binary16, made when first asked for. */
let table: Float32Array | undefined

function float16Table(): Float32Array {
  return (table ??= Float32Array.from({ length: 0x10000 }, (_, code) => {
    const sign = code & 0x8000 ? -1 : 1
    const exponent = (code >> 10) & 31
    const fraction = code & 1023
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
  }))
}

export function fromFloat16(codes: Uint16Array): Float32Array {
  const numbers = float16Table()
  const result = new Float32Array(codes.length)
  for (let index = 0; index < codes.length; index++) result[index] = numbers[codes[index]!]!
  return result
}

/** A bfloat16 is the upper half of a float32. */
export function fromBfloat16(codes: Uint16Array): Float32Array {
  const result = new Uint32Array(codes.length)
  for (let index = 0; index < codes.length; index++) result[index] = codes[index]! << 16
  return new Float32Array(result.buffer)
}

/** Rounded to nearest, ties to even; what is too large is infinite, as IEEE 754 has it. */
export function toFloat16(numbers: Float32Array): Uint16Array {
  return Uint16Array.from(numbers, (number) => {
    word[0] = number
    const sign = (bits[0]! >>> 16) & 0x8000
    const size = bits[0]! & 0x7fffffff
    if (size > 0x7f800000) return 0x7e00
    if (size >= 0x477ff000) return sign | 0x7c00 // 65,520 and more
    if (size < 0x38800000) return sign | halfToEven(Math.abs(word[0]!) * 2 ** 24) // below the smallest normal number
    const rounded = size + 0xfff + ((size >>> 13) & 1)
    return sign | ((rounded - 0x38000000) >>> 13)
  })
}

export function toBfloat16(numbers: Float32Array): Uint16Array {
  return Uint16Array.from(numbers, (number) => {
    word[0] = number
    if (number !== number) return 0x7fc0
    return (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) >>> 16
  })
}

function halfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded
}
