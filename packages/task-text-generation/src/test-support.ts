import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Tokenizer } from '@tenon/core'
import type { LogitsProcessor } from '@tenon/generation'
import { afterAll, onTestFinished } from 'vitest'

export const chatModel = fileURLToPath(new URL('../fixtures/chat', import.meta.url))

/** A copy of the model with other fields in one of its JSON files. */
export async function modelWith(file: string, fields: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-chat-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return copied(folder, file, fields)
}

/** The model without its second layer: smaller, and often of the same mind. Deleted when the file's tests end. */
export async function draftModel(config: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-draft-'))
  folders.push(folder)
  return copied(folder, 'config.json', { num_hidden_layers: 1, ...config })
}

const folders: string[] = []
afterAll(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true }))))

async function copied(folder: string, file: string, fields: Readonly<Record<string, unknown>>): Promise<string> {
  await cp(chatModel, folder, { recursive: true })
  await writeFile(join(folder, file), JSON.stringify({ ...(JSON.parse(await readFile(join(chatModel, file), 'utf8')) as object), ...fields }))
  return folder
}

/** Makes the model say this, and end where it ends. The model was never trained: by itself it says nothing that a test could read. */
export async function saying(text: string, tokenizer: Tokenizer): Promise<LogitsProcessor> {
  const { ids } = await tokenizer.encode(text, { addSpecialTokens: false })
  return (logits, { tokens, promptLength }) => {
    logits.fill(-Infinity)
    logits[ids[Math.min(tokens.length - promptLength, ids.length - 1)]!] = 0
  }
}
