import { throwIfAborted, type Embedder, type EmbedOptions } from '@tenon/core'

const dimensions = 256

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value >>> 0
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const [word] of text.toLowerCase().matchAll(/\p{sc=Han}|[\p{L}\p{N}]+/gu)) {
    const index = hash(word.slice(0, 5)) % dimensions
    vector[index] = (vector[index] as number) + 1
  }
  return vector
}

/** An embedder for tests: texts are near when they share beginnings of words. Says how often and with what it was called. */
export function hashEmbedder(options: { maxLength?: number; before?: () => void | Promise<void> } = {}): Embedder & { readonly calls: (readonly string[])[] } {
  const calls: (readonly string[])[] = []
  async function embed(texts: string | readonly string[], { signal, onProgress }: EmbedOptions = {}): Promise<Float32Array | Float32Array[]> {
    const list = typeof texts === 'string' ? [texts] : texts
    calls.push(list)
    await options.before?.()
    throwIfAborted(signal)
    const vectors = list.map(vectorOf)
    onProgress?.(list.length, list.length)
    return typeof texts === 'string' ? (vectors[0] as Float32Array) : vectors
  }
  return Object.assign(embed as Embedder, { dimensions, maxLength: options.maxLength ?? 256, calls })
}
