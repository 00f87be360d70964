import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const fixture = (path: string): string => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url))

/** One of the tiny reader models, its tokenizer_config.json changed; removed when the test ends. */
export async function readerModel(name: string, tokenizerConfig: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-reader-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await cp(fixture(`reader/${name}`), folder, { recursive: true })
  const path = join(folder, 'tokenizer_config.json')
  const config = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(path, JSON.stringify({ ...config, ...tokenizerConfig }))
  return folder
}
