import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { openFolder } from '@tenon/checkpoint'

// The other end of an Engine: one tokenizer in a process of its own.
const [side, folder] = process.argv.slice(2)
const json = (file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'))

/** Each gives the number of tokens, so that ids are really fetched. */
const sides = {
  async tenon() {
    const { encodeBatch } = await (await openFolder(folder)).tokenizer()
    return async (texts) => sum(await encodeBatch(texts), ({ ids }) => ids.length)
  },
  async 'tenon, offsets too'() {
    const { encodeBatch } = await (await openFolder(folder)).tokenizer()
    return async (texts) => sum(await encodeBatch(texts), ({ ids, offsets }) => ids.length + 0 * offsets.length)
  },
  async native() {
    const beside = createRequire(createRequire(import.meta.url).resolve('@tenon/checkpoint'))
    const tokenizer = beside('tokenizers').Tokenizer.fromString(readFileSync(`${folder}/tokenizer.json`, 'utf8'))
    tokenizer.disableTruncation()
    tokenizer.disablePadding()
    return async (texts) => sum(await tokenizer.encodeBatch(texts), (encoding) => encoding.getIds().length)
  },
  async javascript() {
    const peers = createRequire(new URL('../peers/package.json', import.meta.url))
    const beside = createRequire(peers.resolve('@huggingface/transformers'))
    const { Tokenizer } = beside('@huggingface/tokenizers')
    const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'))
    return async (texts) => sum(texts, (text) => tokenizer.encode(text).ids.length)
  },
}

const sum = (items, of) => items.reduce((total, item) => total + of(item), 0)

const encode = await sides[side]()
process.on('message', async ({ texts }) => {
  const began = performance.now()
  const tokens = await encode(texts)
  process.send({ milliseconds: performance.now() - began, tokens })
})
process.on('disconnect', () => process.exit(0))
