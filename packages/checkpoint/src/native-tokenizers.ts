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
}

/** What is used of the `tokenizers` package: pass your own to use another build of it. */
export interface NativeTokenizers {
  readonly Tokenizer: { fromString(json: string): NativeTokenizer }
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
