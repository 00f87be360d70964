import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanUpSpaces } from './clean-up-spaces.js'
import { fixture } from './test-support.js'
import { loadTokenizer } from './tokenizer.js'

describe('decoded text', () => {
  /** A tokenizer whose tokenizer_config.json has these changes. */
  const changed = (folder: string, changes: object) =>
    loadTokenizer({
      place: folder,
      async read(file) {
        const text = await readFile(join(fixture(folder), file), 'utf8').catch(() => undefined)
        return file === 'tokenizer_config.json' ? JSON.stringify({ ...JSON.parse(text ?? '{}'), ...changes }) : text
      },
    })

  async function read(folder: string, text: string, changes: object): Promise<string> {
    const tokenizer = await changed(folder, changes)
    return tokenizer.decode((await tokenizer.encode(text)).ids, { skipSpecialTokens: true })
  }

  it('is tidied up where the config asks for it, and is not otherwise', async () => {
    expect(await read('tiny-bert-tokenizer', "isn't it the gate?", { clean_up_tokenization_spaces: true })).toBe("isn't it the gate?")
    for (const changes of [{}, { clean_up_tokenization_spaces: false }, { clean_up_tokenization_spaces: 'true' }]) {
      expect(await read('tiny-bert-tokenizer', "isn't it the gate?", changes)).toBe("isn ' t it the gate?")
    }
  })

  it('of byte pairs is left as it is, whose spaces are the text’s own', async () => {
    for (const text of ["isn ' t it the gate ?", 'wait .']) expect(await read('tiny-byte-level-tokenizer', text, { clean_up_tokenization_spaces: true })).toBe(text)
  })

  it('loses spaces before English punctuation alone', () => {
    expect(cleanUpSpaces("it 's mine , is n't it ? no ! I 'm , they 've , we 're . don ' t ; 。 ，")).toBe("it's mine, isn't it? no! I'm, they've, we're. don't ; 。 ，")
  })
})
