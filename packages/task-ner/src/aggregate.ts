import type { AggregationStrategy, ClassifiedToken, EntityGroup } from './contracts.js'
import { argmax, type Token } from './tokens.js'

/** Tokens put together as text. */
type Join = (tokens: readonly string[]) => string

/** Part of an entity: a token, or a word whose tokens agree on a label. */
interface Part {
  readonly label: string
  readonly score: number
  word(): string
  readonly start: number
  readonly end: number
}

/** Each token with its likeliest label. */
export function labelled(tokens: readonly Token[], labels: readonly string[], ignored: ReadonlySet<string>): ClassifiedToken[] {
  return tokens
    .map(({ scores, index, word, start, end }) => ({ entity: labels[argmax(scores)]!, score: Math.max(...scores), index, word, start, end }))
    .filter(({ entity }) => !ignored.has(entity))
}

/** The entities of a window. */
export function grouped(tokens: readonly Token[], strategy: Exclude<AggregationStrategy, 'none'>, labels: readonly string[], ignored: ReadonlySet<string>, join: Join): EntityGroup[] {
  const parts = strategy === 'simple' ? tokens.map((token) => part([token], token.scores, labels, () => token.word)) : wordsOf(tokens).map((word) => part(word, agreed[strategy](word), labels, () => join(word.map((token) => token.word))))
  return groupsOf(parts)
    .map((group) => ({ tag: afterDash(group[0]!.label), group }))
    .filter(({ tag }) => !ignored.has(tag))
    .map(({ tag, group }) => ({ entity_group: tag, score: mean(group.map(({ score }) => score)), word: join(group.map((each) => each.word())), start: group[0]!.start, end: group.at(-1)!.end }))
}

function part(tokens: readonly Token[], scores: readonly number[], labels: readonly string[], word: () => string): Part {
  return { label: labels[argmax(scores)]!, score: Math.max(...scores), word, start: tokens[0]!.start, end: tokens.at(-1)!.end }
}

function wordsOf(tokens: readonly Token[]): Token[][] {
  const words: Token[][] = []
  for (const token of tokens) {
    if (token.continues && words.length > 0) words.at(-1)!.push(token)
    else words.push([token])
  }
  return words
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** The scores that the tokens of a word agree on. */
const agreed: Record<Exclude<AggregationStrategy, 'none' | 'simple'>, (word: readonly Token[]) => readonly number[]> = {
  first: (word) => word[0]!.scores,
  average: (word) => word[0]!.scores.map((_, label) => mean(word.map(({ scores }) => scores[label]!))),
  max: (word) => word[argmax(word.map(({ scores }) => Math.max(...scores)))]!.scores,
}

/** Neighbours of one tag, unless the later begins another entity. */
function groupsOf(parts: readonly Part[]): Part[][] {
  const groups: Part[][] = []
  for (const each of parts) {
    const last = groups.at(-1)?.at(-1)
    if (last !== undefined && !each.label.startsWith('B-') && tagOf(each.label) === tagOf(last.label)) groups.at(-1)!.push(each)
    else groups.push([each])
  }
  return groups
}

/** What makes labels one tag: a label without a prefix goes on with its like. */
const tagOf = (label: string) => (/^[BI]-/.test(label) ? label.slice(2) : label)

/** What a group is called, with the reference: all that follows the first dash, whatever stands before it. */
const afterDash = (label: string) => label.slice(label.indexOf('-') + 1)
