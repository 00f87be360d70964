import type { Node, Point, Tree } from 'web-tree-sitter'
import type { Grammar } from './grammar.js'
import { ruleOf, type SyntaxRules } from './syntax-rules.js'
import type { CodeLanguage } from './language.js'

/** What one parse may take: real files of 2,000 lines need 5 to 30 ms, and from noise a parser may recover for seconds. */
const parseMilliseconds = 150

/** The statement some place belongs to. */
export interface Statement {
  readonly start: number
  readonly end: number
  /** Its last character ends it, whatever follows. */
  readonly closed: boolean
  /** It ends at a comma. */
  readonly comma: boolean
  /** It is nothing by itself: a decorator. */
  readonly partial: boolean
  /** The place is a brace or a separator of a container inside. */
  readonly delimiter: boolean
}

/** A text that changes only behind `kept` characters, and its tree. Places count from the cursor, as everywhere: those before it are negative. */
export class Syntax {
  private tree: Tree | undefined
  private tail = ''
  /** It took too long once, and would again; or it was disposed of. */
  private failed = false
  private readonly rules: SyntaxRules
  private readonly keptEnd: Point

  constructor(
    private readonly grammar: Grammar,
    language: CodeLanguage,
    private readonly kept: string,
  ) {
    this.rules = ruleOf(language)
    this.keptEnd = pointAfter({ row: 0, column: 0 }, kept)
  }

  /** Parses `kept + tail`; false where that takes too long. What the previous tail began with is not read again. */
  parse(tail: string): boolean {
    const { module, parser } = this.grammar
    const { kept } = this
    let { tree } = this
    if (this.failed) return false
    if (tree !== undefined && tail === this.tail) return true
    const { recent } = this.grammar
    if (tree !== undefined) tree.edit(new module.Edit(difference(this.tail, tail, kept.length, this.keptEnd)))
    else if (recent !== undefined) {
      tree = recent.tree.copy()
      tree.edit(new module.Edit(difference(recent.text, kept + tail, 0, { row: 0, column: 0 })))
    }
    const deadline = performance.now() + parseMilliseconds
    const read = (index: number) => (index < kept.length ? kept.slice(index, index + 8_192) : tail.slice(index - kept.length, index - kept.length + 8_192))
    // Typed as void, though true is what stops it.
    const progressCallback: (state: unknown) => void = () => performance.now() > deadline
    const parsed = parser.parse(read, tree, { progressCallback })
    tree?.delete()
    if (parsed === null) {
      parser.reset()
      this.failed = true
    } else if (this.tree === undefined) {
      recent?.tree.delete()
      this.grammar.recent = { text: kept + tail, tree: parsed.copy() }
    }
    this.tree = parsed ?? undefined
    this.tail = tail
    return parsed !== null
  }

  /** The statement the character at `at` belongs to; undefined in text that is in no statement the grammar knows. */
  statementAt(at: number): Statement | undefined {
    const { kept, rules } = this
    let found: { node: Node; comma: boolean } | undefined
    let delimiter = false
    let container: string | undefined
    this.descend(at, (node) => {
      const { type } = node
      delimiter = false
      if (type === 'ERROR') found = undefined
      else if (container !== undefined && rules.containers.has(container)) {
        if (!node.isNamed) delimiter = true
        else if (!rules.containers.has(type) || rules.statements.has(type)) found = { node, comma: rules.commaContainers.has(container) }
      }
      container = type
    })
    if (found === undefined || found.node.isExtra) return undefined
    const { node, comma } = found
    return { start: node.startIndex - kept.length, end: node.endIndex - kept.length, partial: rules.prefixes.has(node.type), closed: isClosed(node, rules), comma, delimiter }
  }

  /** Whether the statement goes on behind the body whose brace stands at `at`: with a semicolon, or `while`. */
  goesOnBehind(at: number): boolean {
    const path: string[] = []
    this.descend(at, ({ type }) => path.push(type))
    return this.rules.open.has(path.at(-3) ?? '')
  }

  /** Where the body of the innermost function around `at` begins. */
  functionBody(at: number): number | undefined {
    let start: number | undefined
    this.descend(at, (node) => {
      if (!this.rules.functions.has(node.type)) return
      const body = node.childForFieldName('body')
      if (body !== null && body.startIndex < this.kept.length + at) start = body.startIndex - this.kept.length
    })
    return start
  }

  /** Visits the nodes around a character, from the outermost. (A node's parent is found from the root each time: climbing would be quadratic.) */
  private descend(at: number, visit: (node: Node) => void): void {
    const place = this.kept.length + at
    const root = this.tree?.rootNode
    const leaf = root?.descendantForIndex(place, place + 1)
    if (root === undefined || leaf == null) return
    let node: Node | null = root
    for (; node !== null && node.id !== leaf.id; node = node.childWithDescendant(leaf)) visit(node)
    visit(leaf)
  }

  /** Whether there is an error at or after `from`, up to `to`. */
  hasError(from: number, to: number): boolean {
    const { kept } = this
    return this.errors(from + kept.length, to + kept.length, 1) > 0
  }

  /** How many places the grammar cannot read, or had to make up something for. */
  errorCount(most = 1_000): number {
    return this.errors(0, Infinity, most)
  }

  private errors(from: number, to: number, most: number): number {
    if (this.tree === undefined) return 0
    let count = 0
    const pending: Node[] = [this.tree.rootNode]
    for (let node = pending.pop(); node !== undefined && count < most; node = pending.pop()) {
      if (!node.hasError || node.endIndex < from || node.startIndex > to) continue
      if (node.isMissing || node.type === 'ERROR') {
        // An error that began before and reaches in counts for what it reaches into.
        if (node.isMissing ? node.startIndex >= from : node.endIndex > from) count++
      }
      for (const child of node.children) if (child !== null && child.hasError) pending.push(child)
    }
    return count
  }

  /** Frees the tree. Asked again, it parses nothing: a completion that ends late has no use for it. */
  dispose(): void {
    this.tree?.delete()
    this.tree = undefined
    this.failed = true
  }
}

function isClosed(node: Node, rules: SyntaxRules): boolean {
  for (let inner: Node | null = node; inner !== null; inner = inner.lastNamedChild) {
    if (rules.closed.has(inner.type)) return true
    if (inner.endIndex !== node.endIndex) return false
    if (!rules.wrappers.has(inner.type)) return false
  }
  return false
}

/** What changed from one text to another, both behind `offset` characters that end at `position`. */
function difference(old: string, text: string, offset: number, position: Point) {
  const most = Math.min(text.length, old.length)
  let same = 0
  while (same < most && text.charCodeAt(same) === old.charCodeAt(same)) same++
  let sameEnd = 0
  while (sameEnd < most - same && text.charCodeAt(text.length - 1 - sameEnd) === old.charCodeAt(old.length - 1 - sameEnd)) sameEnd++
  const startPosition = pointAfter(position, text.slice(0, same))
  return {
    startIndex: offset + same,
    oldEndIndex: offset + old.length - sameEnd,
    newEndIndex: offset + text.length - sameEnd,
    startPosition,
    oldEndPosition: pointAfter(startPosition, old.slice(same, old.length - sameEnd)),
    newEndPosition: pointAfter(startPosition, text.slice(same, text.length - sameEnd)),
  }
}

function pointAfter({ row, column }: Point, text: string): Point {
  const lastBreak = text.lastIndexOf('\n')
  if (lastBreak < 0) return { row, column: column + text.length }
  let breaks = 0
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) breaks++
  return { row: row + breaks, column: text.length - lastBreak - 1 }
}
