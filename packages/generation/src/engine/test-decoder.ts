import { AbortedError, checkFeeds, checkUpdatedFeeds, tensor, throwIfAborted, type Checkpoint, type Executable, type HostTensor, type Tokenizer, type ValueInfo } from '@tenon/core'
import type { Sampler } from '../sampling/index.js'
import { createDecoder, type DecoderParts } from './create-decoder.js'

export const VOCABULARY = 24
const LAYERS = 2
const HEADS = 2
const SIZE = 3

export const BYTES_PER_POSITION = LAYERS * 2 * HEADS * SIZE * 4

const cacheNames = Array.from({ length: LAYERS }, (_, layer) => ['key', 'value'].map((part) => `past_key_values.${layer}.${part}`)).flat()

const inputs: readonly ValueInfo[] = [
  { name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] },
  { name: 'lengths', dtype: 'int32', shape: ['batch'] },
  { name: 'logit_positions', dtype: 'int64', shape: ['scored'] },
  ...cacheNames.map((name): ValueInfo => ({ name, dtype: 'float32', shape: ['batch', HEADS, 'capacity', SIZE] })),
]

function mix(...values: number[]): number {
  let hash = 0x811c9dc5
  for (const value of values) {
    hash = Math.imul(hash ^ (value | 0), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  }
  return (hash ^ (hash >>> 12)) >>> 0
}

/** The rows of one sequence: what is read and written at [tensor][head][position][element]. */
interface Rows {
  get(tensor: number, head: number, position: number, element: number): number
  set(tensor: number, head: number, position: number, element: number, value: number): void
}

/**
 * A "model" whose logits are a hash of every number that the cache holds for a sequence, and whose cache rows hash what is before
 * them: one wrong row changes all that follows. Most of a logit depends on the last two tokens alone, so that texts repeat
 * themselves and guesses are right now and then.
 */
function runToken(rows: Rows, position: number, token: number, salt: number): Float32Array {
  let before = mix(salt, 7)
  const fold = (until: number) => {
    let hash = mix(salt, 13)
    for (let at = 0; at < until; at++) for (let each = 0; each < cacheNames.length; each++) for (let head = 0; head < HEADS; head++) for (let element = 0; element < SIZE; element++) hash = mix(hash, rows.get(each, head, at, element))
    return hash
  }
  before = fold(position)
  for (let each = 0; each < cacheNames.length; each++) {
    for (let head = 0; head < HEADS; head++) {
      for (let element = 0; element < SIZE; element++) rows.set(each, head, position, element, element === 0 ? token + 1 : mix(before, token, position, each, head, element) % 65_536)
    }
  }
  const all = fold(position + 1)
  const previous = position > 0 ? rows.get(0, 0, position - 1, 0) : 0
  return Float32Array.from({ length: VOCABULARY }, (_, id) => (mix(all, id) % 1000) / 400 + (mix(previous, token, id) % 1000) / 100)
}

export interface FakeOptions {
  /** Another model. */
  readonly salt?: number
  /** Called before each run; it may throw, or wait. */
  readonly before?: (run: { readonly batch: number; readonly sequence: number; readonly tokens: readonly number[]; readonly index: number; readonly signal: AbortSignal | undefined }) => void | Promise<void>
  /** Called with the logits of each run. */
  readonly after?: (logits: Float32Array, index: number) => void
}

/** A decoder's executable, as contracts have it. */
export function fakeExecutable({ salt = 0, before, after }: FakeOptions = {}): Executable & { readonly runs: { batch: number; sequence: number }[]; live: number } {
  const runs: { batch: number; sequence: number }[] = []
  let running = 0
  const executable = {
    runs,
    live: 0,
    inputs,
    outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'scored', VOCABULARY] }] as readonly ValueInfo[],
    async run(feeds: Parameters<Executable['run']>[0], { signal }: { readonly signal?: AbortSignal } = {}) {
      const [ids, lengths, scored, ...caches] = checkFeeds(inputs, feeds) as unknown as [HostTensor<'int64'>, HostTensor<'int32'>, HostTensor<'int64'>, ...HostTensor<'float32'>[]]
      checkUpdatedFeeds({ inputs, updates: new Map(cacheNames.map((name) => [name.replace('past_key_values', 'present'), name])) }, [ids, lengths, scored, ...caches])
      throwIfAborted(signal)
      const [batch, sequence] = ids.shape as [number, number]
      const index = runs.push({ batch, sequence }) - 1
      if (sequence > 1 && batch > 1) throw new Error('a chunk needs batch 1')
      if (running++ > 0) throw new Error('runs overlap')
      try {
        const capacity = caches[0]!.shape[2]!
        const rowsOf = (row: number): Rows => {
          const at = (head: number, position: number, element: number) => ((row * HEADS + head) * capacity + position) * SIZE + element
          return {
            get: (each, head, position, element) => caches[each]!.values[at(head, position, element)]!,
            set: (each, head, position, element, value) => (caches[each]!.values[at(head, position, element)] = value),
          }
        }
        const spoil = () => {
          for (let row = 0; row < batch; row++) for (let position = lengths.values[row]! - sequence; position < lengths.values[row]!; position++) rowsOf(row).set(0, 0, position, 1, 66_666)
        }
        try {
          await before?.({ batch, sequence, tokens: Array.from(ids.values, Number), index, signal })
        } catch (error) {
          spoil()
          throw error
        }
        if (signal?.aborted) {
          spoil()
          throw new AbortedError(signal.reason)
        }
        const logits = new Float32Array(batch * scored.values.length * VOCABULARY)
        for (let row = 0; row < batch; row++) {
          const length = lengths.values[row]!
          if (length > capacity || length < sequence) throw new Error(`a length of ${length} in ${capacity} for ${sequence} tokens`)
          for (let place = 0; place < sequence; place++) {
            const of = runToken(rowsOf(row), length - sequence + place, Number(ids.values[row * sequence + place]), salt)
            scored.values.forEach((wanted, at) => {
              if (Number(wanted) === place) logits.set(of, (row * scored.values.length + at) * VOCABULARY)
            })
          }
        }
        after?.(logits, index)
        const output = tensor('float32', [batch, scored.values.length, VOCABULARY], logits)
        executable.live++
        return { logits: { ...output, [Symbol.dispose]: () => void executable.live-- } }
      } finally {
        running--
      }
    },
    place: async (placed: HostTensor) => placed,
    async [Symbol.asyncDispose]() {},
  }
  return executable
}

/** Letters, a space, and the end as token 0. */
export const tokenizer = {
  vocabularySize: VOCABULARY,
  join: (tokens: readonly string[]) => tokens.join(''),
  tokenOf: (id: number) => (id === 0 ? '<end>' : id === 1 ? ' ' : id < VOCABULARY ? String.fromCharCode(95 + id) : undefined),
  idOf: (token: string) => (token === '<end>' ? 0 : token === ' ' ? 1 : token.charCodeAt(0) - 95),
  decode: async (ids: readonly number[]) => ids.map((id) => tokenizer.tokenOf(id)).join(''),
  special: { eos: '<end>' },
  addedTokens: [{ content: '<end>', id: 0, special: true }],
  subwordPrefix: undefined,
  paddingSide: 'right',
  maxLength: undefined,
} as unknown as Tokenizer

export const textOf = (ids: readonly number[]): string => ids.filter((id) => id !== 0).map((id) => tokenizer.tokenOf(id)).join('')

const checkpoint = { reference: 'fake', config: { model_type: 'fake' }, constants: new Map(), files: [] } as unknown as Checkpoint

export function fakeDecoder(parts: Partial<DecoderParts> & { readonly fake?: FakeOptions } = {}) {
  const { fake, ...rest } = parts
  const executable = fakeExecutable(fake)
  const decoder = createDecoder({ decoder: executable, prefill: executable, checkpoint, tokenizer, contextLength: 1024, vocabularySize: VOCABULARY, endTokens: [0], cacheBytes: 2 ** 24, slots: 8, chunkTokens: 16, emit: () => undefined, ...rest })
  return Object.assign(decoder, { executable })
}

/** What the model says of a text, computed with no engine: logits behind its last token. */
function logitsAfter(state: { rows: Rows; length: number }, tokens: readonly number[], salt: number): Float32Array {
  let logits = new Float32Array(VOCABULARY)
  for (; state.length < tokens.length; state.length++) logits = runToken(state.rows, state.length, tokens[state.length]!, salt) as Float32Array<ArrayBuffer>
  return logits
}

/** Token by token, alone: what the engine must give however it goes about it. */
export function plainly(prompt: readonly number[], count: number, sampler: Sampler, { salt = 0, end = [0] }: { readonly salt?: number; readonly end?: readonly number[] } = {}): number[] {
  const values = new Map<number, number>()
  const key = (tensor: number, head: number, position: number, element: number) => ((position * 8 + tensor) * HEADS + head) * SIZE + element
  const state = { rows: { get: (...place: [number, number, number, number]) => values.get(key(...place)) ?? 0, set: (...[each, head, position, element, value]: [number, number, number, number, number]) => void values.set(key(each, head, position, element), value) }, length: 0 }
  const tokens = [...prompt]
  for (let generated = 0; generated < count; generated++) {
    const { token } = sampler.sample(logitsAfter(state, tokens, salt), { tokens, promptLength: prompt.length })
    tokens.push(token)
    if (end.includes(token)) break
  }
  return tokens.slice(prompt.length)
}
