import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { loadTokenizer } from '@tenon/checkpoint'
import type { Tokenizer } from '@tenon/core'

type Json = Record<string, unknown>

/** A tokenizer from a file of this package or its neighbour's, changed where asked. */
async function load(path: string, change: (json: Json) => Json = (json) => json): Promise<Tokenizer> {
  const place = fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url))
  const text = await readFile(`${place}/tokenizer.json`, 'utf8')
  return loadTokenizer({ place, read: async (file) => (file === 'tokenizer.json' ? JSON.stringify(change(JSON.parse(text) as Json)) : undefined) })
}

const neighbour = '../../checkpoint/fixtures'

/** Tokenizers with every kind of decoder that decoder-only models come with, and some that they do not. */
export const tokenizers = {
  'byte-level': await load(`${neighbour}/tiny-byte-level-tokenizer`),
  'byte-fallback': await load('byte-fallback-tokenizer'),
  'byte-fallback that keeps the first space': await load('byte-fallback-tokenizer', (json) => ({
    ...json,
    decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }] },
  })),
  Metaspace: await load('byte-fallback-tokenizer', (json) => ({ ...json, decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true } })),
  WordPiece: await load(`${neighbour}/tiny-bert-tokenizer`),
} as const satisfies Record<string, Tokenizer>
