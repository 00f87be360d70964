import type { Listing } from './listing.js'

/** Bytes up to which a file of settings is fetched unasked, and up to which a vocabulary is; see read-text.ts for the latter. */
const LARGEST_SETTINGS = 2 ** 20
const LARGEST_VOCABULARY = 256 * 2 ** 20

const vocabulary = /^(tokenizer\.json|vocab\.json|vocab\.txt|merges\.txt|added_tokens\.json|tokenizer\.model|spiece\.model|sentencepiece\.bpe\.model)$/

/** Settings at the top, and in the numbered folders of sentence-transformers (`1_Pooling/config.json`). */
const settings = /^(\d+_\w+\/)?[^/]+\.(json|jinja)$/

/** Settings of weights in other formats, and lists of shards: these are fetched with their weights. */
const foreign = /\.index\.json$|^trainer_state\.json$/

/** The small files that describe a model: its settings and its vocabulary. */
export function describingFiles(listing: Listing): string[] {
  const fits = (size: number | undefined, limit: number) => size === undefined || size <= limit
  return [...listing]
    .filter(([file, { size }]) => (vocabulary.test(file) ? fits(size, LARGEST_VOCABULARY) : settings.test(file) && !foreign.test(file) && fits(size, LARGEST_SETTINGS)))
    .map(([file]) => file)
}
