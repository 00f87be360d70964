import { bytesOf, elementCount, type HostTensor, type TypedArray } from '@tenon/core'

import { out, type OrtLibrary, type Pointer } from './api.js'
import { elementTypes } from './element-types.js'

/** An array without elements has no address; the library asks for one all the same. */
const nothing = new Uint8Array(8)

interface Kept {
  readonly value: Pointer
  readonly byteLength: number
}

/** OrtValues over the memory of feeds: nothing is copied. */
export class FeedValues {
  readonly #library: OrtLibrary
  readonly #memoryInfo: Pointer
  readonly #kept = new WeakMap<HostTensor, Kept>()
  readonly #collected: FinalizationRegistry<Pointer>

  constructor(library: OrtLibrary, memoryInfo: Pointer) {
    this.#library = library
    this.#memoryInfo = memoryInfo
    this.#collected = new FinalizationRegistry((value) => library.api.ReleaseValue(value))
  }

  /** One that the caller releases. */
  wrap({ dtype, shape, values }: HostTensor): Pointer {
    const empty = elementCount(shape) === 0
    // bytesOf asks for the buffer, which moves small arrays out of the JavaScript heap for good.
    const bytes = empty ? nothing : bytesOf(values as TypedArray)
    const sizes = BigInt64Array.from(shape, BigInt)
    return out((place) => this.#library.api.CreateTensorWithDataAsOrtValue(this.#memoryInfo, bytes, empty ? 0 : bytes.byteLength, sizes, sizes.length, elementTypes[dtype], place))
  }

  /** One that lives as long as the tensor does: for what is fed again and again, such as a cache of 50 tensors with every token. */
  keep(feed: HostTensor): Pointer {
    const { byteLength } = feed.values
    const known = this.#kept.get(feed)
    if (known !== undefined && known.byteLength === byteLength) return known.value // another length: the buffer was transferred away
    const value = this.wrap(feed)
    this.#kept.set(feed, { value, byteLength })
    this.#collected.register(feed, value)
    return value
  }
}
