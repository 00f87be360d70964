import { InvalidInputError, throwIfAborted, type Checkpoint, type Emit, type Tokenizer } from '@tenon/core'
import type { Constraint, ConstraintFactory } from '../constraint/index.js'
import { createSampler } from '../sampling/index.js'
import { TextStream } from '../text/index.js'
import { BeamSearchJob } from './beam-search-job.js'
import { cacheLayout } from './cache-layout.js'
import { beamOptions, checkIds, checkRequest } from './check-request.js'
import type { Decoder, DraftModelOptions, Generation, GenerationRequest } from './decoder.js'
import { DecoderRuns } from './decoder-runs.js'
import { GenerationJob } from './generation-job.js'
import { KeyValueCache } from './key-value-cache.js'
import { Scheduler } from './scheduler.js'
import { ScoreJob } from './score-job.js'
import { speculatorOf } from './speculate.js'
import type { Reader, Writer } from './writer-later.js'

export interface DecoderParts {
  /** What reads prompts. */
  readonly prefill: Reader
  /** The same as `prefill`, or one that writes a token at a time. */
  readonly decoder: Writer
  readonly checkpoint: Checkpoint
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  readonly vocabularySize: number
  readonly endTokens: readonly number[]
  readonly cacheBytes: number
  readonly slots: number
  readonly chunkTokens: number
  /** What guesses where a request does not say otherwise. */
  readonly draft?: Required<DraftModelOptions> | undefined
  readonly emit: Emit
}

const WHERE = 'decoder.generate'

/** Room that is made at first for what a generation of unknown length makes. */
const EXPECTED = 256

/** The most that the logits of a scored chunk may take. */
const SCORED_BYTES = 32 * 2 ** 20

/** A decoder over executables that are ready. */
export function createDecoder(parts: DecoderParts): Decoder & { dispose(): Promise<void> } {
  const { prefill, decoder, checkpoint, tokenizer, contextLength, vocabularySize, endTokens, cacheBytes, slots, chunkTokens, draft, emit } = parts
  const layout = cacheLayout(prefill, checkpoint.reference)
  const cache = new KeyValueCache(layout, { bytes: cacheBytes, slots, positions: contextLength }, (bytes) => emit({ type: 'memory', name: 'key-value cache', bytes }))
  const scheduler = new Scheduler(new DecoderRuns({ prefill, decoder }, cache), cache, {
    chunkTokens,
    scoredChunkTokens: Math.max(1, Math.min(chunkTokens, Math.floor(SCORED_BYTES / (vocabularySize * Float32Array.BYTES_PER_ELEMENT)))),
  })
  const limits = { contextLength, vocabularySize, slots }
  const onChange = () => scheduler.wake()
  const onEnd = (milliseconds: number) => emit({ type: 'timing', name: 'generate', milliseconds })

  /** How many tokens may be generated: those asked for, as far as the context goes; or what there is room for. */
  function room(prompt: number, asked: number | undefined, rows: number): number {
    const wanted = Math.min(asked ?? Infinity, contextLength - prompt)
    const longest = cache.longest(rows)
    if (prompt + (asked === undefined ? Math.min(1, wanted) : wanted) > longest) {
      throw new InvalidInputError({
        what: 'the generation',
        problem: `needs a cache of ${prompt + (asked === undefined ? 1 : wanted)} positions${rows > 1 ? ` for each of ${rows} texts` : ''}, and ${cacheBytes} bytes hold ${longest}`,
        remedy: `open the decoder with a greater cacheBytes, ${layout.bytesPerPosition} for each position, or pass a smaller maxNewTokens`,
      })
    }
    return Math.min(wanted, longest - prompt)
  }

  function generate(request: GenerationRequest): Generation {
    checkRequest(request, limits)
    scheduler.checkAlive()
    const { prompt, maxNewTokens: asked, stop, stopTokens, until, constraint, speculation, exact, reuse, signal, beams, endTokens: ends = endTokens, ...rest } = request
    const text = () => new TextStream(tokenizer, { promptIds: prompt, ...(stop && { stop }) })
    const common = { prompt, until, signal, endTokens: new Set(ends), stopTokens: new Set(stopTokens), onChange, onEnd }
    if (beams !== undefined) {
      const options = beamOptions(beams)
      const job = new BeamSearchJob({ ...common, text, beams: options, sampler: createSampler(rest, WHERE), stops: stop !== undefined && stop.length > 0, maxNewTokens: room(prompt.length, asked, options.count) })
      scheduler.add(job)
      return job.stream
    }
    const sampler = createSampler(rest, WHERE)
    const { processors: _, ...drafting } = rest // a caller's function may count its calls
    const maxNewTokens = room(prompt.length, asked, 1)
    const speculator = speculatorOf(speculation, self, draft, { sampling: { ...drafting, seed: sampler.seed, logprobs: false }, endTokens: [...ends, ...(stopTokens ?? [])] })
    const job = new GenerationJob({
      ...common,
      maxNewTokens,
      exact: exact ?? speculator !== undefined,
      onlyRead: (reuse ?? ((exact ?? speculator !== undefined) ? 'read' : 'all')) === 'read',
      expected: prompt.length + (asked === undefined ? EXPECTED : maxNewTokens),
      sampler,
      noRepeatNgramSize: rest.noRepeatNgramSize ?? 0,
      text: text(),
      speculator,
    })
    if (constraint === undefined) scheduler.add(job)
    else void constrained(job, constraint, ends)
    return job.stream
  }

  async function constrained(job: GenerationJob, constraint: Constraint | ConstraintFactory, ends: readonly number[]): Promise<void> {
    try {
      job.constrain(typeof constraint === 'function' ? await constraint(tokenizer, ends) : constraint)
      if (!job.ended) scheduler.add(job)
    } catch (error) {
      job.fail(error)
    }
  }

  async function score(ids: readonly number[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<Float32Array> {
    checkIds('the text', ids, limits)
    throwIfAborted(signal)
    if (ids.length === 1) return new Float32Array(0)
    scheduler.checkAlive()
    room(ids.length - 1, 0, 1)
    const job = new ScoreJob(ids, cache.longest(1), signal, onChange)
    scheduler.add(job)
    return job.result
  }

  const self: Decoder & { dispose(): Promise<void> } = { checkpoint, tokenizer, contextLength, vocabularySize, endTokens, generate, score, dispose: () => scheduler.dispose() }
  return self
}
