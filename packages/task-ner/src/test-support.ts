import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

/** One of the tiny models, some keys of its config.json changed; removed when the test ends. */
export async function modelFolder(name: string, config: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-ner-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await cp(fixture(name), folder, { recursive: true })
  const path = join(folder, 'config.json')
  await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), ...config }))
  return folder
}
