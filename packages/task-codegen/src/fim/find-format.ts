import type { Checkpoint, Tokenizer } from '@tenon/core'
import { fileSets, fimSets, type FileTokens, type FimTokens } from './formats.js'

/** What a model's vocabulary lets its prompts say. */
export interface Format {
  readonly fim: FimTokens | undefined
  readonly files: FileTokens | undefined
  /** The tokens that end a completion: none of them is code. */
  readonly stopTokens: readonly number[]
}

/**
 * The control tokens of a model, from its vocabulary; where no known set is there, from the special tokens that its
 * tokenizer_config.json lists, by what their names say.
 */
export async function findFormat(tokenizer: Tokenizer, checkpoint: Pick<Checkpoint, 'json'>): Promise<Format> {
  const has = (token: string) => tokenizer.idOf(token) !== undefined
  const fim = fimSets.find(({ prefix, suffix, middle }) => [prefix, suffix, ...(middle === undefined ? [] : [middle])].every(has)) ?? byName(listed(await checkpoint.json('tokenizer_config.json')).filter(has))
  const files = fileSets.find(({ repository, file }) => has(file) && (repository === undefined || has(repository)))
  const names = [fim?.prefix, fim?.suffix, fim?.middle, ...(fim?.others ?? []), files?.repository, files?.file, ...(files?.others ?? [])]
  const stopTokens = names.flatMap((name) => (name === undefined ? [] : (tokenizer.idOf(name) ?? [])))
  return { fim, files, stopTokens: [...new Set(stopTokens)] }
}

/** `additional_special_tokens` and `added_tokens_decoder`, as transformers writes them. */
function listed(config: unknown): string[] {
  if (typeof config !== 'object' || config === null) return []
  const { additional_special_tokens: additional, added_tokens_decoder: added } = config as Readonly<Record<string, unknown>>
  const contentOf = (token: unknown) => (typeof token === 'string' ? token : (token as { content?: unknown } | null)?.content)
  return [additional, added].flatMap((tokens) => (typeof tokens === 'object' && tokens !== null ? Object.values(tokens).map(contentOf) : [])).filter((token) => typeof token === 'string')
}

/** `<FIM-PRE>` and the like. */
function byName(tokens: readonly string[]): FimTokens | undefined {
  const called = (part: RegExp) => tokens.find((token) => part.test(token.replace(/[^a-z]/gi, '').toLowerCase()))
  const [prefix, suffix, middle] = [called(/^fim(pre|prefix|begin)$/), called(/^fim(suf|suffix|hole)$/), called(/^fim(mid|middle|end)$/)]
  return prefix === undefined || suffix === undefined || middle === undefined ? undefined : { prefix, suffix, middle, order: 'prefix-first' }
}
