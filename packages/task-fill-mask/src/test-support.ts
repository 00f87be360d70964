import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { onTestFinished } from 'vitest'

/** How far scores may be from the reference's. */
export const tolerance = 1e-5

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

export const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readFile(fixture(path), 'utf8')) as T

type Json = Readonly<Record<string, unknown>>

/** A whole model folder, removed when the test ends, whose tokenizer_config.json has these changes; `undefined` takes a setting away. */
export async function modelFolder(name: string, tokenizerConfig: Json = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-fill-mask-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await cp(fixture(name), path, { recursive: true })
  const file = join(path, 'tokenizer_config.json')
  const written = JSON.parse(await readFile(file, 'utf8')) as Json
  await writeFile(file, JSON.stringify({ ...written, ...tokenizerConfig }))
  return path
}

/** The folder's weights without those whose names begin so. */
export async function withoutWeights(folder: string, prefix: string): Promise<string> {
  await using checkpoint = await openFolder(folder)
  const kept = [...checkpoint.constants].filter(([name]) => !name.startsWith(prefix))
  const without = await modelFolder('word-piece')
  await writeSafetensors(join(without, 'model.safetensors'), kept)
  return without
}
