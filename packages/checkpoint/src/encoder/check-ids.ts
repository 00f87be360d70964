import { InvalidFileError, type Encoding } from '@tenon/core'

/** How many tokens the weights are for: 0 to `vocabulary` - 1. */
export interface Vocabulary {
  readonly reference: string
  /** Infinite where nothing says so. */
  readonly vocabulary: number
}

/**
 * That the model has a row for every token: a tokenizer may come from elsewhere, and what a device makes of a row beyond the last is
 * its own affair.
 * @throws InvalidFileError
 */
export function checkIds(encodings: readonly Encoding[], { reference, vocabulary }: Vocabulary): void {
  for (const encoding of encodings) {
    const { ids } = encoding // and not its tokens too, which nobody else reads: they would be fetched from native memory
    const wrong = ids.findIndex((id) => id >= vocabulary)
    if (wrong < 0) continue
    throw new InvalidFileError({ path: reference, problem: `has a tokenizer that gives '${encoding.tokens[wrong]}' the id ${ids[wrong]}, and weights for ${vocabulary} tokens`, remedy: 'Use the tokenizer that was saved with these weights' })
  }
}

/** The id that pads: the first of these that the model has a row for. Padding is masked, so that any does where none is said. */
export function paddingId(candidates: readonly unknown[], { vocabulary }: Vocabulary): number {
  return candidates.find((id): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabulary) ?? 0
}
