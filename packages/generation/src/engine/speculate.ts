import { checkOptions, InvalidOptionError } from '@tenon/core'
import type { SamplingOptions } from '../sampling/index.js'
import type { Decoder, DraftModelOptions, Speculation } from './decoder.js'
import { DRAFT_TOKENS } from './draft-choice.js'
import { DraftModel } from './draft-model.js'
import { PromptLookup } from './prompt-lookup.js'
import type { Speculator } from './speculator.js'
import { SAME_VOCABULARY, vocabulariesApart } from './vocabularies-apart.js'

/** The generation that is guessed for. */
interface Guessed {
  readonly sampling: SamplingOptions
  /** What ends it. */
  readonly endTokens: readonly number[]
}

/**
 * What guesses for a generation; nothing where nothing does.
 * @param own The draft that the decoder was opened with.
 * @throws InvalidOptionError
 */
export function speculatorOf(speculation: Speculation | undefined, target: Decoder, own: Required<DraftModelOptions> | undefined, generation: Guessed): Speculator | undefined {
  if (speculation === false) return undefined
  if (speculation === undefined || speculation === 'draft') {
    if (own !== undefined) return new DraftModel(own.draft, { ...generation, tokens: own.tokens, vocabulary: target.vocabularySize })
    return speculation === undefined ? undefined : fail("is 'draft', and the model was opened without one", "Name one where the task is made: draft: './a-smaller-model-of-the-family'")
  }
  if (speculation === 'prompt-lookup') return promptLookup({})
  if (typeof speculation !== 'object' || speculation === null) return fail(`is ${String(speculation)}`, "Give 'prompt-lookup', 'draft', { promptLookup: … }, { draft: decoder }, or false")
  if ('promptLookup' in speculation) {
    checkOptions('speculation', speculation, ['promptLookup'])
    return promptLookup(speculation.promptLookup)
  }
  checkOptions('speculation', speculation, ['draft', 'tokens'])
  const { draft, tokens = DRAFT_TOKENS } = speculation
  checkDraft(draft, target)
  return new DraftModel(draft, { ...generation, tokens: positive(tokens, 'tokens'), vocabulary: target.vocabularySize })
}

function promptLookup(options: { readonly tokens?: number; readonly longest?: number; readonly shortest?: number }): PromptLookup {
  checkOptions('speculation.promptLookup', options, ['tokens', 'longest', 'shortest'])
  const { tokens = 12, longest = 4, shortest = Math.min(2, longest) } = options
  const sizes = { tokens: positive(tokens, 'tokens'), longest: positive(longest, 'longest'), shortest: positive(shortest, 'shortest') }
  if (shortest > longest) fail(`has the shortest match ${shortest} and the longest ${longest}`, 'Give a shortest that is no longer')
  return new PromptLookup(sizes)
}

function checkDraft(draft: Decoder, target: Decoder): void {
  if (typeof draft?.generate !== 'function') fail('has no decoder as its draft', 'Give { draft: decoder }, one that openDecoder gave')
  if (draft === target) fail('drafts with the decoder itself', 'Open a smaller model as the draft')
  const apart = vocabulariesApart(target.tokenizer, draft.tokenizer)
  if (apart !== undefined) fail(`has a draft that ${apart}`, SAME_VOCABULARY)
}

function positive(value: number, option: string): number {
  return Number.isInteger(value) && value >= 1 ? value : fail(`has the ${option} ${String(value)}`, 'Give a whole number from 1 up')
}

function fail(problem: string, remedy: string): never {
  throw new InvalidOptionError({ where: 'decoder.generate', option: 'speculation', problem, remedy })
}
