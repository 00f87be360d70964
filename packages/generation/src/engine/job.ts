import type { Slot } from './key-value-cache.js'

/** A sequence of tokens of which the cache holds the beginning. What it does not hold yet is pending: it is run next. */
export interface Row {
  readonly job: Job
  /** What was given and what was generated. */
  readonly tokens: number[]
  slot: Slot | undefined
  /** The slot that it gave up while its job was held, and how often that had been taken then. */
  left?: { readonly slot: Slot; readonly takes: number }
}

/** The slot that a row gave up, where nobody took it since: it goes on there as if it had kept it. */
export const untaken = ({ left }: Row): Slot | undefined => (left?.slot.takes === left?.takes ? left?.slot : undefined)

/** Tokens of a row that are still to be run; at least one while it goes on. */
export const pendingTokens = ({ tokens, slot }: Row): number => tokens.length - (slot?.tokens.length ?? 0)

/** The slots of a job's other rows, for those that have several. */
export interface RowSlots {
  /** A slot that holds what this one does. */
  fork(from: Slot): Promise<Slot>
  copy(from: Slot, to: Slot): Promise<void>
  release(slot: Slot): void
}

/** Something that is generated, or scored: what the scheduler runs for it, and what it makes of the logits. */
export interface Job {
  readonly rows: readonly Row[]
  /** How many rows it may come to have. */
  readonly width: number
  /** Most positions that a row of it may come to hold. */
  readonly most: number
  /** How many it is given room for from the start. */
  readonly expected: number
  /** Whether each pending token is to give logits, and not the last alone. */
  readonly scored: boolean
  /** Whether its steps are chunks, as those that check guesses are. */
  readonly exact: boolean
  /** Whether it may begin with nothing of the cache but what was read as a prompt. */
  readonly onlyRead?: boolean
  /** Of the tokens, those that are the prompt's. */
  readonly promptLength: number
  readonly ended: boolean
  /** Whether it waits for its consumer. */
  readonly held: boolean
  /** Has got its slot, which holds this many of its tokens already. */
  admitted(cached: number): void
  /** What may come next, to be checked in one run with what is pending. */
  propose?(row: Row, others: number): readonly number[] | Promise<readonly number[]>
  /** A run of it took this many milliseconds. */
  spent(milliseconds: number): void
  /**
   * Takes what a run gave: it appends to the row's tokens what it chose.
   * @param logits [scored, vocabulary], its to write on: of the last pending token, and of each that was proposed.
   */
  receive(row: Row, logits: Float32Array, proposed: readonly number[]): void | Promise<void>
  /** Called when all its rows were run. */
  settle?(slots: RowSlots): Promise<void>
  fail(error: unknown): void
}
