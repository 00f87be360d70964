import { BackendError, DisposedError, InvalidInputError, TenonError } from '@tenon/core'
import { breathe } from './breathe.js'
import { commonPrefix } from './common-prefix.js'
import type { DecoderRuns, Logits } from './decoder-runs.js'
import { Guesses } from './guesses.js'
import { pendingTokens, untaken, type Job, type Row, type RowSlots } from './job.js'
import { grow, shared, type KeyValueCache, type Slot } from './key-value-cache.js'

export interface SchedulerOptions {
  /** Tokens of a prompt that are run at once. */
  readonly chunkTokens: number
  /** The same for a scored text, each of whose tokens gives logits. */
  readonly scoredChunkTokens: number
}

/** Tokens of a prompt that are run at once while others decode: they wait for no more than these. */
const CHUNK_BESIDE_OTHERS = 64

/** Tokens that one under way must be about to read for a request that begins alike to wait for them. */
const WORTH_WAITING = 16

/**
 * Where a chunk begins that runs the positions [past, end): one of an odd number of tokens is run with the one before it, whose rows are
 * written again as they are. ONNX Runtime's attention sums for one row otherwise than for several, by 6e-7, and takes rows in portions, of
 * which the last of 33 rows is one; where activations are rounded to 8 bits (weights in few bits) that grows until other tokens are
 * chosen. Chunks of an even number of rows give the same to the bit, however a text is cut into them.
 * @param least Positions before this one are another graph's.
 */
const startOf = (past: number, end: number, least: number): number => ((end - past) % 2 === 1 && past > least ? past - 1 : past)

/**
 * Runs jobs side by side: each round runs a chunk of one prompt, then one step of all that decode, together. Jobs come and go
 * between runs; what each gets does not depend on the others.
 */
export class Scheduler {
  readonly #runs: DecoderRuns
  readonly #cache: KeyValueCache
  readonly #options: SchedulerOptions
  /** Those that have their slots. Whose chunk was run goes to the end. */
  #jobs: Job[] = []
  /** Those that have none yet, in the order they came; and those that gave theirs up while they are held. */
  #waiting: Job[] = []
  #current: { readonly controller: AbortController; readonly jobs: readonly Job[] } | undefined
  #pump: Promise<void> | undefined
  readonly #guesses = new Guesses(({ job }, error) => {
    if (!job.ended) job.fail(coded(error))
  })
  /** Ends a wait for guesses. */
  #stir = () => {}
  #disposed = false

  constructor(runs: DecoderRuns, cache: KeyValueCache, options: SchedulerOptions) {
    this.#runs = runs
    this.#cache = cache
    this.#options = options
  }

  /** @throws DisposedError */
  checkAlive(): void {
    if (this.#disposed) throw new DisposedError({ what: 'decoder' })
  }

  /** @throws DisposedError */
  add(job: Job): void {
    this.checkAlive()
    this.#waiting.push(job)
    this.wake()
  }

  /** A job has ended of itself, or may go on. */
  wake(): void {
    // A run that nobody waits for any more is ended; one that others share goes on.
    if (this.#current?.jobs.every(({ ended }) => ended)) this.#current.controller.abort()
    this.#stir()
    if (this.#disposed || this.#pump !== undefined) return
    const rounds = Promise.resolve().then(() => this.#rounds())
    this.#pump = rounds.catch((error: unknown) => this.#failAll(error)).finally(() => {
      this.#pump = undefined
      if (!this.#idle()) this.wake() // what came while the last round was ending
    })
  }

  /** Ends all jobs with a DisposedError, and frees the cache when the run under way has ended. */
  async dispose(): Promise<void> {
    this.#disposed = true
    this.#failAll(new DisposedError({ what: 'decoder' }))
    this.#current?.controller.abort()
    await this.#pump
    this.#jobs = []
    this.#waiting = []
    this.#cache.clear()
  }

  #failAll(error: unknown): void {
    for (const job of [...this.#jobs, ...this.#waiting]) if (!job.ended) job.fail(error)
  }

  #idle(): boolean {
    return this.#disposed || ![...this.#jobs, ...this.#waiting].some(({ ended, held }) => ended || !held)
  }

  async #rounds(): Promise<void> {
    for (;;) {
      this.#sweep()
      if (this.#idle()) return
      const stirred = new Promise<void>((resolve) => (this.#stir = resolve))
      await this.#admit()
      const read = await this.#prefill()
      this.#sweep()
      const { stepped, guessed } = await this.#decode()
      // Nothing to do but to wait for a draft, or for somebody to come or go.
      if (!read && !stepped && guessed.length > 0) await Promise.race([stirred, ...guessed])
      await breathe()
    }
  }

  /** Takes out what has ended. */
  #sweep(): void {
    const ended = (job: Job) => {
      if (job.ended) for (const row of job.rows) this.#release(row)
      return job.ended
    }
    this.#jobs = this.#jobs.filter((job) => !ended(job))
    this.#waiting = this.#waiting.filter((job) => !ended(job))
  }

  #release(row: Row): void {
    if (row.slot !== undefined) this.#cache.release(row.slot)
    row.slot = undefined
  }

  async #admit(): Promise<void> {
    for (const job of this.#waiting.slice()) {
      if (job.ended || job.held) continue
      while (!this.#fits(job) && this.#park()) continue
      if (!this.#fits(job)) return // whoever came later does not overtake
      if (this.#isReadByOther(job)) continue
      this.#waiting.splice(this.#waiting.indexOf(job), 1)
      this.#jobs.push(job)
      const row = job.rows[0]!
      try {
        row.slot = await this.#cache.acquire(job.scored ? [] : row.tokens, Math.min(job.most, Math.max(job.expected, row.tokens.length + 1)), this.#most(), job.onlyRead, untaken(row))
        job.admitted(row.slot.tokens.length)
      } catch (error) {
        if (!job.ended) job.fail(coded(error))
      }
    }
  }

  /** Whether one under way is about to read what this one begins with: it then has only the rest to read. */
  #isReadByOther({ rows: [row], scored, onlyRead = false }: Job): boolean {
    if (scored) return false
    const cached = Math.max(0, ...this.#cache.slots.map((slot) => shared(slot, row!.tokens, onlyRead)))
    return this.#jobs.some((other) => !other.ended && !other.held && other.rows.some((ahead) => pendingTokens(ahead) > 1 && commonPrefix(ahead.tokens, row!.tokens) >= cached + WORTH_WAITING))
  }

  #fits(job: Job): boolean {
    const width = this.#jobs.reduce((sum, each) => sum + each.width, job.width)
    return this.#cache.fits(width, Math.max(this.#most(), job.most))
  }

  /** Most positions that any job may come to need. */
  #most(): number {
    return Math.max(0, ...this.#jobs.map(({ most }) => most))
  }

  /** Takes the slot of a job that waits for its consumer: it is read again when that one goes on, where another took it. */
  #park(): boolean {
    const held = this.#jobs.find((job) => job.held)
    if (held === undefined) return false
    for (const row of held.rows) {
      if (row.slot !== undefined) row.left = { slot: row.slot, takes: row.slot.takes }
      this.#release(row)
    }
    this.#jobs = this.#jobs.filter((job) => job !== held)
    this.#waiting.push(held)
    return true
  }

  /** What is to be read in chunks: more than one token, or a prompt's. */
  #isRead(row: Row): boolean {
    return row.job.scored || pendingTokens(row) > 1 || row.slot!.tokens.length < row.job.promptLength
  }

  #rows(): Row[] {
    return this.#jobs.flatMap((job) => (job.ended || job.held ? [] : job.rows.filter(({ slot }) => slot !== undefined)))
  }

  /** A chunk of the prompt whose turn it is. @returns Whether there was one. */
  async #prefill(): Promise<boolean> {
    const rows = this.#rows()
    const row = rows.find((each) => this.#isRead(each))
    if (row === undefined) return false
    const { job } = row
    this.#jobs.push(...this.#jobs.splice(this.#jobs.indexOf(job), 1))
    const past = row.slot!.tokens.length
    const alone = rows.every((each) => this.#isRead(each))
    const { chunkTokens, scoredChunkTokens } = this.#options
    const most = job.scored ? scoredChunkTokens : alone ? chunkTokens : Math.min(chunkTokens, CHUNK_BESIDE_OTHERS)
    const ofPrompt = past < job.promptLength
    const end = Math.min(past + most, row.tokens.length, this.#runs.prefillsApart && ofPrompt ? job.promptLength : Infinity)
    const from = startOf(past, end, this.#runs.prefillsApart && !ofPrompt ? job.promptLength : 0)
    const tokens = row.tokens.slice(from, end)
    const behind = this.#behind(job, tokens, end)
    row.slot!.tokens.length = from // a run that fails may have written behind it
    using logits = await this.#run([job], async (signal) => {
      await this.#reserve(end + behind.length)
      return this.#runs.chunk(row.slot!.index, [...tokens, ...behind], from, job.scored ? end - past : 1, ofPrompt ? 'prefill' : 'decoder', signal, behind.length)
    })
    if (logits === undefined) return true
    grow(row.slot!, tokens, (tokens.length + behind.length) % 2 === 0 && (ofPrompt || !this.#runs.prefillsApart))
    if (job.scored || end === row.tokens.length) await this.#give(row, logits.values, [])
    await this.#settle([job])
    return true
  }

  /**
   * One step of all that decode: those without a proposal together, each of the others, and of those that are to be exact, by itself.
   * Those that are still guessed for miss it.
   * @returns Whether any stepped, and the guesses that are under way.
   */
  async #decode(): Promise<{ readonly stepped: boolean; readonly guessed: readonly Promise<void>[] }> {
    const rows = this.#rows().filter((row) => !this.#isRead(row))
    const guessed: Promise<void>[] = []
    const alike: Row[] = []
    const alone: [Row, readonly number[]][] = []
    for (const row of rows) {
      const proposed = this.#guesses.take(row, rows.length - 1)
      if (proposed instanceof Promise) guessed.push(proposed)
      else if (proposed.length === 0 && !row.job.exact) alike.push(row)
      else alone.push([row, proposed])
    }
    for (const [row, proposed] of alone) if (!row.job.ended) await this.#verify(row, proposed)
    await this.#step(alike.filter(({ job }) => !job.ended))
    const stepped = [...alone.map(([{ job }]) => job), ...alike.map(({ job }) => job)]
    await this.#settle(new Set(stepped))
    return { stepped: stepped.length > 0, guessed }
  }

  /** Runs what is pending and what is proposed at once. The cache then holds what of it the job kept. */
  async #verify(row: Row, proposed: readonly number[]): Promise<void> {
    const slot = row.slot!
    const past = slot.tokens.length
    const tokens = [...row.tokens.slice(past), ...proposed]
    const behind = this.#behind(row.job, tokens, past + tokens.length)
    using logits = await this.#run([row.job], async (signal) => {
      await this.#reserve(past + tokens.length + behind.length)
      return this.#runs.chunk(slot.index, [...tokens, ...behind], past, tokens.length, 'decoder', signal, behind.length)
    })
    if (logits === undefined) return
    grow(slot, tokens, !this.#runs.prefillsApart)
    await this.#give(row, logits.values, proposed)
    let kept = past
    while (kept < slot.tokens.length && slot.tokens[kept] === row.tokens[kept]) kept++
    slot.tokens.length = kept
  }

  /** What makes an odd number of tokens even, where there is room and the one before them may be another graph's: nobody reads its rows. */
  #behind({ most }: Job, tokens: readonly number[], end: number): readonly number[] {
    return tokens.length % 2 === 1 && end < most ? tokens.slice(-1) : []
  }

  /** Runs the pending token of each row, in one run over the slots from the first to the last of theirs. */
  async #step(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return
    const bySlot = new Map(rows.map((row) => [row.slot!, row]))
    let slots: readonly Slot[] = []
    using logits = await this.#run([...new Set(rows.map(({ job }) => job))], async (signal) => {
      await this.#reserve(0)
      await this.#together(bySlot)
      const places = rows.map(({ slot }) => slot!.index)
      const start = Math.min(...places)
      slots = this.#cache.slots.slice(start, Math.max(...places) + 1)
      // A row that idles is written behind what it holds.
      return this.#runs.step(start, slots.map((slot) => bySlot.get(slot)?.tokens.at(-1) ?? 0), slots.map((slot) => slot.tokens.length + 1), signal)
    })
    if (logits === undefined) return
    const vocabulary = logits.values.length / slots.length
    let given = 0
    for (const [place, slot] of slots.entries()) {
      const row = bySlot.get(slot)
      if (row === undefined) continue
      // Between rows, not behind the last: with it a generation may end, and whoever waits for that should find the logits freed.
      if (given++ > 0) await breathe()
      grow(slot, [row.tokens.at(-1)!], false)
      await this.#give(row, logits.values.subarray(place * vocabulary, (place + 1) * vocabulary), [])
    }
  }

  /** Moves slots so that nobody idles between those that step, except who will step soon. */
  async #together(stepping: ReadonlyMap<Slot, Row>): Promise<void> {
    const soon = new Set(this.#rows().map(({ slot }) => slot))
    for (;;) {
      const edges = [...stepping.keys()].sort((a, b) => a.index - b.index)
      const [first, last] = [edges[0]!, edges.at(-1)!]
      const hole = this.#cache.slots.find((slot) => slot.index > first.index && slot.index < last.index && !soon.has(slot))
      if (hole === undefined) return
      await this.#cache.swap(first.tokens.length < last.tokens.length ? first : last, hole)
    }
  }

  /** Room for a position more in each slot in use, and for as many as these in all. */
  async #reserve(positions: number): Promise<void> {
    const needed = this.#cache.slots.reduce((most, { inUse, tokens }) => (inUse ? Math.max(most, tokens.length + 1) : most), positions)
    await this.#cache.reserve(needed, this.#most())
  }

  async #run(jobs: readonly Job[], work: (signal: AbortSignal) => Promise<Logits>): Promise<Logits | undefined> {
    const controller = new AbortController()
    if (jobs.every(({ ended }) => ended)) return undefined
    this.#current = { controller, jobs }
    const start = performance.now()
    try {
      const logits = await work(controller.signal)
      for (const job of jobs) if (!job.ended) job.spent(performance.now() - start)
      return logits
    } catch (error) {
      for (const job of jobs) if (!job.ended) job.fail(coded(error))
      return undefined
    } finally {
      this.#current = undefined
    }
  }

  async #give(row: Row, logits: Float32Array, proposed: readonly number[]): Promise<void> {
    if (row.job.ended) return
    try {
      await row.job.receive(row, logits, proposed)
    } catch (error) {
      if (!row.job.ended) row.job.fail(error) // the caller's own functions may have thrown it
    }
  }

  async #settle(jobs: Iterable<Job>): Promise<void> {
    for (const job of jobs) {
      if (job.ended || job.settle === undefined) continue
      const slots: RowSlots = {
        fork: (from) => this.#cache.fork(from, this.#most()),
        copy: (from, to) => this.#cache.copy(from, to, from.tokens.length),
        release: (slot) => this.#cache.release(slot),
      }
      try {
        await job.settle(slots)
      } catch (error) {
        if (!job.ended) job.fail(coded(error))
      }
    }
  }
}

/** What backends throw is coded already, mostly. */
function coded(error: unknown): unknown {
  if (TenonError.isInstance(error)) return error
  if (error instanceof RangeError) return new InvalidInputError({ what: 'the generation', problem: `needs more than this machine gives: ${error.message}`, remedy: 'pass a smaller contextLength, maxNewTokens or cacheBytes' })
  return new BackendError({ backend: 'decoder', doing: 'generating', problem: error instanceof Error ? error.message : String(error), remedy: 'See the cause', cause: error })
}
