import { contentOfText } from '../documents/content.js'
import { originalRange } from '../documents/mapped-text.js'
import type { Reader } from '../documents/reader.js'

/** The blocks a reader makes of a text, with the stretch of the original each comes from. */
export async function blocksOf(reader: Reader, text: string): Promise<{ headings: readonly string[]; text: string; original: string }[]> {
  const { blocks } = await reader.read(contentOfText('test', text))
  return blocks.map(({ headings, content }) => {
    const { start, end } = originalRange(content, 0, content.text.length)
    return { headings, text: content.text, original: text.slice(start, end) }
  })
}
