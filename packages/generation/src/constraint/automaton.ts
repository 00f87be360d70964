import { InvalidGrammarError } from './invalid-grammar-error.js'
import type { Network } from './network.js'

/** The rules that are being read: where to go on in each once the one above it has ended. */
interface Frame {
  readonly id: number
  readonly back: number
  readonly below: Frame | undefined
}

/** A place in the network, within the rules that called it. */
interface Place {
  readonly node: number
  readonly frame: Frame | undefined
}

/** All places where a text may stand: what the network can read next is the same for all texts that lead here. */
export interface State {
  readonly places: readonly Place[]
  /** Whether the text may end here. */
  readonly complete: boolean
  /** Where each byte leads, `null` for nowhere; made when it is first asked for. */
  next: (State | null)[] | undefined
}

/** Kept at once; each takes some 2 kB once it has been left. What is forgotten is made again when it is needed. */
const STATES = 8192
/** More readings of one text at once than an unambiguous grammar has. */
const READINGS = 1024

/**
 * Reads a network byte by byte, as a pushdown automaton that is in all its states at once, made deterministic as far as texts
 * lead. States are the same object where they are alike, and stay valid for as long as they are held.
 */
export class Automaton {
  readonly #network: Network
  /** Whether a node is nothing but its rule's end: a call that goes back there need not be remembered, so that lists that end with themselves take no memory. */
  readonly #ends: readonly boolean[]
  readonly #states = new Map<string, State>()
  readonly #frames = new Map<number, Frame>()
  #frameCount = 0
  readonly start: State

  constructor(network: Network) {
    this.#network = network
    const ends = network.nodes.map(({ end, steps, jumps, calls }) => end && steps.length + jumps.length + calls.length === 0)
    for (let changed = true; changed; ) {
      changed = false
      network.nodes.forEach(({ end, steps, jumps, calls }, node) => {
        if (ends[node] === true || end || steps.length + calls.length > 0 || jumps.length !== 1 || ends[jumps[0]!] !== true) return
        ends[node] = changed = true
      })
    }
    this.#ends = ends
    this.start = this.#stateOf([{ node: network.root, frame: undefined }])!
  }

  /** Where a byte leads; `null` where it does not fit. */
  step(state: State, byte: number): State | null {
    return (state.next ??= this.#leave(state))[byte]!
  }

  /** Every byte at once: bytes that the same steps take lead to the same state. */
  #leave({ places }: State): (State | null)[] {
    const borders = new Set([0, 256])
    for (const { node } of places) {
      for (const { low, high } of this.#network.nodes[node]!.steps) borders.add(low).add(high + 1)
    }
    const next = Array.from<State | null>({ length: 256 }).fill(null)
    const sorted = [...borders].sort((a, b) => a - b)
    sorted.slice(0, -1).forEach((first, index) => {
      const reached: Place[] = []
      for (const { node, frame } of places) {
        for (const { low, high, to } of this.#network.nodes[node]!.steps) if (low <= first && first <= high) reached.push({ node: to, frame })
      }
      if (reached.length > 0) next.fill(this.#stateOf(reached), first, sorted[index + 1])
    })
    return next
  }

  /** The state of these places and all that can be reached from them without a byte. */
  #stateOf(places: readonly Place[]): State | null {
    const { nodes } = this.#network
    const seen = new Set<number>()
    const open: Place[] = []
    const reading: { readonly place: Place; readonly key: number }[] = []
    let complete = false
    const visit = (node: number, frame: Frame | undefined) => {
      const key = (frame?.id ?? 0) * nodes.length + node
      if (seen.has(key)) return
      if (seen.size === READINGS * 16) throw new InvalidGrammarError({ problem: 'can be read in too many ways', remedy: 'Let alternatives begin differently, and do not repeat what is itself a repetition' })
      seen.add(key)
      const place = { node, frame }
      open.push(place)
      if (nodes[node]!.steps.length > 0) reading.push({ place, key })
    }
    for (const { node, frame } of places) visit(node, frame)
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      const { node, frame } = place
      const { jumps, calls, end } = nodes[node]!
      if (end && frame === undefined) complete = true
      else if (end) visit(frame!.back, frame!.below)
      for (const to of jumps) visit(to, frame)
      for (const { rule, back } of calls) visit(rule, this.#ends[back] === true ? frame : this.#frame(back, frame))
    }
    if (reading.length > READINGS) throw new InvalidGrammarError({ problem: `can be read in more than ${READINGS} ways at once`, remedy: 'Let alternatives begin differently' })
    if (reading.length === 0 && !complete) return null

    reading.sort((a, b) => a.key - b.key)
    const name = `${complete ? '!' : ''}${reading.map(({ key }) => key).join()}`
    const known = this.#states.get(name)
    if (known !== undefined) return known
    if (this.#states.size === STATES) {
      this.#states.clear()
      this.#frames.clear() // those still held keep their ids, which are not given again
    }
    const state: State = { places: reading.map(({ place }) => place), complete, next: undefined }
    this.#states.set(name, state)
    return state
  }

  #frame(back: number, below: Frame | undefined): Frame {
    const key = (below?.id ?? 0) * this.#network.nodes.length + back
    const known = this.#frames.get(key)
    if (known !== undefined) return known
    const frame = { id: ++this.#frameCount, back, below }
    this.#frames.set(key, frame)
    return frame
  }
}
