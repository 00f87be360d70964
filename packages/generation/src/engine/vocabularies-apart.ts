import type { Tokenizer } from '@tenon/core'

/** How many tokens of two vocabularies are compared: others are not of a kind by chance. */
const COMPARED = 256

/** What of a draft model's vocabulary is not as the model's; nothing where its tokens can be guesses. */
export function vocabulariesApart(target: Tokenizer, draft: Tokenizer): string | undefined {
  const [size, of] = [target.vocabularySize, draft.vocabularySize]
  if (size !== of) return `has a vocabulary of ${of} tokens, where the model's has ${size}`
  const step = Math.max(1, Math.floor(size / COMPARED))
  for (let id = 0; id < size; id += step) {
    const [here, there] = [target.tokenOf(id), draft.tokenOf(id)]
    if (here !== there) return `has the token ${id} '${there}', where the model's is '${here}'`
  }
  return undefined
}

export const SAME_VOCABULARY = 'Use a draft with the same vocabulary, such as a smaller model of the same family'
