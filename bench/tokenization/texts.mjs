import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { random } from '../statistics.mjs'

const documents = fileURLToPath(new URL('../../examples/knowledge-base', import.meta.url))

/** Sentences of the example documents, English and Chinese. */
function sentences() {
  const text = readdirSync(documents)
    .toSorted()
    .map((file) => readFileSync(`${documents}/${file}`, 'utf8').replace(/<[^>]*>/g, ' '))
    .join('\n')
  return text.split(/(?<=[.!?。！？])\s*|\n+/u).map((sentence) => sentence.trim()).filter((sentence) => sentence.length > 20)
}

/** Texts of so many sentences each, drawn from the documents: no two alike, so that nothing answers from a cache. */
export function textsOf(count, perText, seed) {
  const all = sentences()
  const next = random(seed)
  return Array.from({ length: count }, (_, index) => `${index} ${Array.from({ length: perText }, () => all[Math.floor(next() * all.length)]).join(' ')}`)
}
