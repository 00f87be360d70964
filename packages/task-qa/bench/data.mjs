// XQuAD and the embedder, for both benchmarks.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { data: { type: 'string' }, embedder: { type: 'string' }, calibrate: { type: 'boolean' } } })
const folder = values.data ?? process.env.TENON_DATA ?? 'shared/data'
const fileOf = (language) => join(folder, `xquad.${language}.json`)

export const { calibrate } = values
export const languages = ['en', 'zh']

if (!languages.every((language) => existsSync(fileOf(language)))) {
  console.log(`SKIPPED: ${folder} does not hold xquad.en.json and xquad.zh.json. Name their folder with --data or TENON_DATA.`)
  process.exit(0)
}

/** Paragraphs of XQuAD, each a document of its own. */
export function paragraphsOf(language) {
  const { data } = JSON.parse(readFileSync(fileOf(language), 'utf8'))
  return data.flatMap(({ paragraphs }, article) =>
    paragraphs.map(({ context, qas }, index) => ({ article, index, source: `${article}/${index}`, text: context, qas })),
  )
}

const module = values.embedder === undefined ? import('./embedder.mjs') : import(pathToFileURL(resolve(values.embedder)).href)
const embedder = await module.then(({ default: create }) => create())
export const close = () => embedder.dispose?.()

// The same texts come again in several knowledge bases.
const known = new Map()
const cached = async (texts) => {
  const list = typeof texts === 'string' ? [texts] : texts
  const missing = [...new Set(list.filter((text) => !known.has(text)))]
  if (missing.length > 0) (await embedder(missing)).forEach((vector, index) => known.set(missing[index], vector))
  return typeof texts === 'string' ? known.get(texts) : list.map((text) => known.get(text))
}
export const embed = Object.assign(cached, { dimensions: embedder.dimensions, maxLength: embedder.maxLength })

export const percent = (part, all) => (all === 0 ? '–' : ((100 * part) / all).toFixed(1))
export const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)

/** recall@1, recall@5 and the mean reciprocal rank. */
export function recalls(ranks) {
  const within = (limit) => percent(ranks.filter((rank) => rank <= limit).length, ranks.length)
  return [within(1), within(5), (ranks.reduce((sum, rank) => sum + 1 / rank, 0) / ranks.length).toFixed(3)]
}
