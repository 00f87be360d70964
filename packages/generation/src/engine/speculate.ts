import { checkOptions, InvalidOptionError } from '@tenon/core'
import type { SamplingOptions } from '../sampling/index.js'
import type { Decoder, Speculation } from './decoder.js'
import { DraftModel } from './draft-model.js'
import { PromptLookup } from './prompt-lookup.js'
import type { Speculator } from './speculator.js'

/** @throws InvalidOptionError */
export function speculatorOf(speculation: Speculation, target: Decoder, sampling: SamplingOptions, signal: AbortSignal | undefined): Speculator {
  if (speculation === 'prompt-lookup') return promptLookup({})
  if (typeof speculation !== 'object' || speculation === null) return fail(`is ${String(speculation)}`, "Give 'prompt-lookup', { promptLookup: … } or { draft: decoder }")
  if ('promptLookup' in speculation) {
    checkOptions('speculation', speculation, ['promptLookup'])
    return promptLookup(speculation.promptLookup)
  }
  checkOptions('speculation', speculation, ['draft', 'tokens'])
  const { draft, tokens = 4 } = speculation
  checkDraft(draft, target)
  return new DraftModel(draft, { tokens: positive(tokens, 'tokens'), sampling, vocabulary: target.vocabularySize, signal })
}

function promptLookup(options: { readonly tokens?: number; readonly longest?: number; readonly shortest?: number }): PromptLookup {
  checkOptions('speculation.promptLookup', options, ['tokens', 'longest', 'shortest'])
  const { tokens = 12, longest = 4, shortest = Math.min(2, longest) } = options
  const sizes = { tokens: positive(tokens, 'tokens'), longest: positive(longest, 'longest'), shortest: positive(shortest, 'shortest') }
  if (shortest > longest) fail(`has the shortest match ${shortest} and the longest ${longest}`, 'Give a shortest that is no longer')
  return new PromptLookup(sizes)
}

/** How many tokens of two vocabularies are compared: others are not of a kind by chance. */
const COMPARED = 256

function checkDraft(draft: Decoder, target: Decoder): void {
  if (typeof draft?.generate !== 'function') fail('has no decoder as its draft', 'Give { draft: decoder }, one that openDecoder gave')
  if (draft === target) fail('drafts with the decoder itself', 'Open a smaller model as the draft')
  const [size, of] = [target.tokenizer.vocabularySize, draft.tokenizer.vocabularySize]
  if (size !== of) fail(`drafts with a model of ${of} tokens for one of ${size}`, 'Use a draft with the same vocabulary, such as a smaller model of the same family')
  const step = Math.max(1, Math.floor(size / COMPARED))
  for (let id = 0; id < size; id += step) {
    const [here, there] = [target.tokenizer.tokenOf(id), draft.tokenizer.tokenOf(id)]
    if (here !== there) fail(`drafts with a model whose token ${id} is '${there}', where it is '${here}'`, 'Use a draft with the same vocabulary, such as a smaller model of the same family')
  }
}

function positive(value: number, option: string): number {
  return Number.isInteger(value) && value >= 1 ? value : fail(`has the ${option} ${String(value)}`, 'Give a whole number from 1 up')
}

function fail(problem: string, remedy: string): never {
  throw new InvalidOptionError({ where: 'decoder.generate', option: 'speculation', problem, remedy })
}
