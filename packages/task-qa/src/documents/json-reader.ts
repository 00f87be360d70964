import { UnreadableError } from '../errors/unreadable-error.js'
import { MappedTextBuilder, type MappedText } from './mapped-text.js'
import { paragraphsOf } from './plain-text-reader.js'
import type { Block, Content, Reader } from './reader.js'

/** Fields that say what their object is about: they become headings of the object's other values. */
const labels = new Set('title name label heading question term topic subject 标题 名称 名字 题目 问题 主题'.split(' '))

/** An object or array on the way down to a value. */
interface Frame {
  readonly array: boolean
  readonly heading: string | undefined
  key: string | undefined
  label: MappedText | undefined
  /** Values below it, labels left out. */
  values: number
}

/** Keys as words: `dryingTime` and `drying_time` are read "drying time". */
const inWords = (key: string) => key.replaceAll(/(?<=\p{Ll})\p{Lu}(?=\p{Ll})/gu, (capital) => ` ${capital.toLowerCase()}`).replaceAll(/[_-]+/g, ' ').trim()

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** The value of a string literal that starts with its quote at `start`. */
function decodeString(literal: string, start: number): MappedText {
  const builder = new MappedTextBuilder()
  for (const { 0: piece, index } of literal.slice(1, -1).matchAll(/[^\\]+|\\u([0-9a-fA-F]{4})|\\(.)/g)) {
    const from = start + 1 + index
    const value = !piece.startsWith('\\') ? piece : piece[1] === 'u' ? String.fromCharCode(Number.parseInt(piece.slice(2), 16)) : (escapes[piece[1] ?? ''] ?? piece[1] ?? '')
    builder.append(value, from, from + piece.length)
  }
  return builder.build()
}

/**
 * The strings and numbers of valid JSON with their places. The platform's parser has checked the text before, so
 * this one only needs to tell tokens apart; it does not recurse, whatever the depth.
 */
function blocksOf(text: string, base: number): Block[] {
  const blocks: Block[] = []
  const stack: Frame[] = []
  // Labels may come after the values they name, so headings are read off when the outermost value ends.
  const pending: { value: MappedText; frames: readonly Frame[]; key: string | undefined }[] = []
  let expectKey = false

  const value = (mapped: MappedText, isString: boolean) => {
    const top = stack.at(-1)
    const key = top?.key
    if (top !== undefined && !top.array && key !== undefined && isString && labels.has(key.toLowerCase()) && top.label === undefined && mapped.text.trim() !== '') {
      top.label = mapped
      return
    }
    for (const frame of stack) frame.values++
    pending.push({ value: mapped, frames: [...stack], key })
  }

  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]|true|false|null/g)) {
    const top = stack.at(-1)
    if (token === '{' || token === '[') {
      const heading = top === undefined || top.array ? undefined : top.key
      stack.push({ array: token === '[', heading: heading === undefined ? undefined : inWords(heading), key: undefined, label: undefined, values: 0 })
      expectKey = token === '{'
    } else if (token === '}' || token === ']') {
      const frame = stack.pop()
      if (frame?.label !== undefined && frame.values === 0) pending.push({ value: frame.label, frames: [...stack], key: undefined })
    } else if (token === ',') {
      expectKey = top !== undefined && !top.array
    } else if (token === ':') {
      expectKey = false
    } else if (token.startsWith('"')) {
      const mapped = decodeString(token, base + index)
      if (expectKey && top !== undefined) top.key = mapped.text
      else value(mapped, true)
    } else if (/^[-\d]/.test(token) && top !== undefined && !top.array) {
      const builder = new MappedTextBuilder()
      builder.append(token, base + index, base + index + token.length)
      value(builder.build(), false)
    }
  }
  for (const { value: mapped, frames, key } of pending) {
    const above = [...frames.flatMap((frame) => [frame.heading, frame.label?.text]), key === undefined ? undefined : inWords(key)]
    const headings = above.filter((heading): heading is string => heading !== undefined && heading.trim() !== '')
    for (const content of paragraphsOf(mapped)) blocks.push({ headings, content })
  }
  return blocks
}

function check(content: Content, text: string, where: string): void {
  try {
    JSON.parse(text)
  } catch (cause) {
    throw new UnreadableError({ source: content.source, reason: `is not valid JSON${where}: ${(cause as Error).message}`, remedy: 'Mend the file', cause })
  }
}

/** JSON: every string, and every number that has a name, with its path as headings. */
export const json: Reader = {
  extensions: ['.json'],
  read(content) {
    const text = content.text()
    check(content, text, '')
    return { text, blocks: blocksOf(text, 0) }
  },
}

/** One JSON value a line. */
export const jsonLines: Reader = {
  extensions: ['.jsonl', '.ndjson'],
  read(content) {
    const text = content.text()
    const blocks: Block[] = []
    let line = 0
    for (const { 0: row, index } of text.matchAll(/[^\n]*(?:\n|$)/g)) {
      line++
      if (row.trim() === '') continue
      check(content, row, ` in line ${line}`)
      blocks.push(...blocksOf(row, index))
    }
    return { text, blocks }
  },
}
