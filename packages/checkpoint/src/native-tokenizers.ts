import { createRequire } from 'node:module'
import { join } from 'node:path'
import { BackendUnavailableError } from '@tenon/core'

/** What is used of an encoding of the `tokenizers` package. Offsets count code points. */
export interface NativeEncoding {
  getLength(): number
  getIds(): number[]
  getTypeIds(): number[]
  getSpecialTokensMask(): number[]
  getTokens(): string[]
  getOffsets(): number[][]
  getSequenceIds(): (number | null | undefined)[]
  getWordIds(): (number | null | undefined)[]
}

/** What is used of a tokenizer of the `tokenizers` package. */
export interface NativeTokenizer {
  disableTruncation(): void
  disablePadding(): void
  encode(text: string, pair: string | null, options: { addSpecialTokens: boolean }): Promise<NativeEncoding>
  encodeBatch(texts: string[], options: { addSpecialTokens: boolean }): Promise<NativeEncoding[]>
  decode(ids: number[], skipSpecialTokens: boolean): Promise<string>
  getDecoder(): { decode(tokens: string[]): string } | null
  getVocabSize(withAddedTokens: boolean): number
  idToToken(id: number): string | null
  tokenToId(token: string): number | null
  setModel(model: NativeModel): void
  addAddedTokens(tokens: readonly NativeAddedToken[]): number
}

/** What merges or looks up tokens, which only native code looks into. */
export type NativeModel = object

/** A token beside the model's, which only native code looks into. */
export type NativeAddedToken = object

/** What is used of the `tokenizers` package: pass your own to use another build of it. */
export interface NativeTokenizers {
  readonly Tokenizer: { fromString(json: string): NativeTokenizer }
  /** With these, a vocabulary that is kept is read on another thread. */
  readonly BPE?: { fromFile(vocabulary: string, merges: string, options: { unkToken?: string; continuingSubwordPrefix?: string; endOfWordSuffix?: string; fuseUnk?: boolean; byteFallback?: boolean }): Promise<NativeModel> }
  readonly AddedToken?: new (content: string, special: boolean, options: { singleWord: boolean; leftStrip: boolean; rightStrip: boolean; normalized: boolean }) => NativeAddedToken
}

/**
 * Required where that works: of a CommonJS package, Node.js looks through the source once more before it imports it, turn after turn of
 * the event loop.
 */
export function requireTokenizers(): NativeTokenizers | undefined {
  try {
    // A bundle in CommonJS has no import.meta.url: the package is then looked for from the program that was started.
    return createRequire(import.meta.url ?? process.argv[1] ?? join(process.cwd(), 'here'))('tokenizers') as NativeTokenizers
  } catch {
    return undefined
  }
}

/** @throws BackendUnavailableError when the package or its binary for this platform is missing. */
export async function importTokenizers(): Promise<NativeTokenizers> {
  try {
    const imported: { default?: unknown } = await import('tokenizers')
    return (imported.default ?? imported) as NativeTokenizers // a CommonJS package: its exports are the default
  } catch (cause) {
    throw new BackendUnavailableError({
      backend: 'tokenizers',
      reason: (cause as Error).message,
      remedy:
        'Install tokenizers 0.23, which has binaries for Linux, macOS, Windows and Android, or pass your own build as the option tokenizers',
      cause,
    })
  }
}
