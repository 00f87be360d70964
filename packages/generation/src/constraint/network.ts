import type { Expression, Grammar } from './expression.js'
import { InvalidGrammarError } from './invalid-grammar-error.js'
import { UnsatisfiableConstraintError } from './unsatisfiable-constraint-error.js'
import { utf8Ranges } from './utf8-ranges.js'

export interface Step {
  readonly low: number
  readonly high: number
  readonly to: number
}

export interface Call {
  /** The first node of the rule that is called. */
  readonly rule: number
  /** Where it goes on once the rule has ended. */
  readonly back: number
}

/** A grammar as a recursive transition network: nodes that are left over a byte, over nothing, or through another rule. */
export interface NetworkNode {
  steps: Step[]
  jumps: number[]
  calls: Call[]
  /** Whether a rule ends here. */
  end: boolean
}

export interface Network {
  readonly nodes: readonly NetworkNode[]
  readonly root: number
}

/** More nodes than any schema of use has; each takes some 300 bytes. */
const NODES = 200_000
const utf8 = new TextEncoder()

/**
 * Compiles a grammar, and takes out every way that cannot come to an end, so that whatever begins can be completed.
 * @throws InvalidGrammarError where a rule is left-recursive, or all are too large together.
 * @throws UnsatisfiableConstraintError where no text fits.
 */
export function networkOf({ rules, root }: Grammar): Network {
  const nodes: NetworkNode[] = []
  const entries = new Map<string, number>()
  const names = new Map<number, string>()
  const shared = new Map<Expression, number>()

  function node(): number {
    if (nodes.length === NODES) throw new InvalidGrammarError({ problem: `takes more than ${NODES.toLocaleString('en')} states`, remedy: 'Ask for fewer repetitions and smaller alternatives' })
    return nodes.push({ steps: [], jumps: [], calls: [], end: false }) - 1
  }

  function entry(name: string): number {
    const known = entries.get(name)
    if (known !== undefined) return known
    const first = node()
    entries.set(name, first)
    names.set(first, name)
    return first
  }

  /** A rule without a name, for what stands in many places. */
  function apart(part: Expression): number {
    const known = shared.get(part)
    if (known !== undefined) return known
    const first = node()
    shared.set(part, first)
    define(first, part)
    return first
  }

  function define(first: number, expression: Expression): void {
    const last = node()
    nodes[last]!.end = true
    connect(expression, first, last)
  }

  function connect(expression: Expression, from: number, to: number): void {
    switch (expression.kind) {
      case 'text': {
        const bytes = utf8.encode(expression.text)
        if (bytes.length === 0) nodes[from]!.jumps.push(to)
        let place = from
        bytes.forEach((byte, index) => {
          const next = index === bytes.length - 1 ? to : node()
          nodes[place]!.steps.push({ low: byte, high: byte, to: next })
          place = next
        })
        return
      }
      case 'characters':
        for (const spelled of utf8Ranges(expression.ranges)) {
          let place = from
          spelled.forEach(([low, high], index) => {
            const next = index === spelled.length - 1 ? to : node()
            nodes[place]!.steps.push({ low, high, to: next })
            place = next
          })
        }
        return
      case 'sequence': {
        let place = from
        for (const part of expression.parts) {
          const next = node()
          connect(part, place, next)
          place = next
        }
        nodes[place]!.jumps.push(to)
        return
      }
      case 'choice':
        for (const option of expression.options) connect(option, from, to)
        return
      case 'rule':
        nodes[from]!.calls.push({ rule: entry(expression.name), back: to })
        return
      case 'repeat': {
        const { part, least, most } = expression
        const copies = most === Infinity ? least : most
        const rest = most === Infinity ? 1 : 0
        const inline = copies + rest <= 1 || part.kind === 'rule'
        const again = (start: number, end: number) => (inline ? connect(part, start, end) : void nodes[start]!.calls.push({ rule: apart(part), back: end }))
        // From nodes of its own, which no neighbour can leave in the middle of a repetition.
        let place = node()
        nodes[from]!.jumps.push(place)
        for (let count = 0; count < copies; count++) {
          if (count >= least) nodes[place]!.jumps.push(to)
          const next = node()
          again(place, next)
          place = next
        }
        if (most === Infinity) again(place, place)
        nodes[place]!.jumps.push(to)
      }
    }
  }

  for (const [name, expression] of rules) define(entry(name), expression)
  const first = entry(root)
  keepWhatEnds(nodes)
  if (!leads(nodes[first]!)) throw new UnsatisfiableConstraintError({ problem: 'allows no text at all', remedy: 'Check for bounds that contradict one another, and for rules that contain themselves in every alternative' })
  refuseLeftRecursion(nodes, names)
  return { nodes, root: first }
}

const leads = ({ steps, jumps, calls, end }: NetworkNode) => end || steps.length > 0 || jumps.length > 0 || calls.length > 0

/** Takes out every edge to nodes from which no rule's end can be reached. */
function keepWhatEnds(nodes: readonly NetworkNode[]): void {
  const from: { readonly node: number; readonly needs: number }[][] = nodes.map(() => [])
  nodes.forEach(({ steps, jumps, calls }, node) => {
    for (const { to } of steps) from[to]!.push({ node, needs: to })
    for (const to of jumps) from[to]!.push({ node, needs: to })
    for (const { rule, back } of calls) {
      from[back]!.push({ node, needs: rule })
      from[rule]!.push({ node, needs: back })
    }
  })
  const ends = nodes.map(({ end }) => end)
  const open = nodes.flatMap(({ end }, node) => (end ? [node] : []))
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const each of from[node]!) {
      if (ends[each.node] === true || ends[each.needs] !== true) continue
      ends[each.node] = true
      open.push(each.node)
    }
  }
  for (const node of nodes) {
    node.steps = node.steps.filter(({ to }) => ends[to])
    node.jumps = node.jumps.filter((to) => ends[to])
    node.calls = node.calls.filter(({ rule, back }) => ends[rule] && ends[back])
  }
}

/** A rule that begins with itself would be entered for ever without a byte read. */
function refuseLeftRecursion(nodes: readonly NetworkNode[], names: ReadonlyMap<number, string>): void {
  const nullable = nullableRules(nodes)
  const rules = new Set(nodes.flatMap(({ calls }) => calls.map(({ rule }) => rule)))
  const beginsWith = new Map([...rules].map((rule) => [rule, firstCalls(nodes, rule, nullable)]))
  const done = new Set<number>()
  for (const start of rules) {
    // Depth first, without recursion: [rule, where in its list].
    const path: { readonly rule: number; readonly next: Iterator<number> }[] = []
    const on = new Set<number>()
    const enter = (rule: number) => {
      path.push({ rule, next: beginsWith.get(rule)![Symbol.iterator]() })
      on.add(rule)
    }
    if (!done.has(start)) enter(start)
    while (path.length > 0) {
      const { rule, next } = path.at(-1)!
      const { value, done: finished } = next.next()
      if (finished === true) {
        path.pop()
        on.delete(rule)
        done.add(rule)
      } else if (on.has(value)) {
        const name = path.map((each) => names.get(each.rule)).findLast((each) => each !== undefined)
        throw new InvalidGrammarError({ problem: `has the left-recursive rule '${name ?? '(…)'}', which can begin with itself`, remedy: "Write lists as `item (',' item)*`, or let the rule end with itself" })
      } else if (!done.has(value)) enter(value)
    }
  }
}

/** The rules that can be called from a rule's start before a byte is read. */
function firstCalls(nodes: readonly NetworkNode[], rule: number, nullable: ReadonlySet<number>): ReadonlySet<number> {
  const called = new Set<number>()
  const seen = new Set([rule])
  const open = [rule]
  const visit = (node: number) => {
    if (seen.has(node)) return
    seen.add(node)
    open.push(node)
  }
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    nodes[node]!.jumps.forEach(visit)
    for (const call of nodes[node]!.calls) {
      called.add(call.rule)
      if (nullable.has(call.rule)) visit(call.back)
    }
  }
  return called
}

/** The nodes from which a rule's end can be reached without a byte; first nodes of rules among them. */
function nullableRules(nodes: readonly NetworkNode[]): ReadonlySet<number> {
  const nullable = new Set(nodes.flatMap(({ end }, node) => (end ? [node] : [])))
  for (let before = -1; before < nullable.size; ) {
    before = nullable.size
    for (let node = nodes.length - 1; node >= 0; node--) {
      const { jumps, calls } = nodes[node]!
      if (jumps.some((to) => nullable.has(to)) || calls.some(({ rule, back }) => nullable.has(rule) && nullable.has(back))) nullable.add(node)
    }
  }
  return nullable
}
