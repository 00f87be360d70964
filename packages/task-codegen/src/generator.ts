import { throwIfAborted } from '@tenon/core'
import { spellVocabulary, statsTogether, streamed, vocabularyOf, type Decoder, type GenerationRequest, type GenerationResult, type GenerationStats } from '@tenon/generation'
import { checkRoom, FOR_CUT, NEW_TOKENS } from './check-room.js'
import type { Completion, CompletionResult } from './completion.js'
import { findFormat, type Format } from './fim/find-format.js'
import { continuing, NewTokens } from './healing/continuing.js'
import { checkCompletionOptions, checkInput, type CompletionInput, type CompletionOptions } from './options.js'
import { Prompter, type Prompt } from './prompt/prompter.js'
import { createTextEncoder } from './prompt/text-encoder.js'
import { candidateOf, rank, type Candidate, type FinishReason } from './ranking/rank.js'
import { repetitionAt } from './ranking/repetition.js'
import { releasing, type Release } from './release.js'
import { codeLanguages, languageOf, type CodeLanguage } from './structure/language.js'
import { createStructure, type Structure } from './structure/structure.js'

/** Completes code. */
export interface CodeGenerator {
  /** Errors come by the completion: its result rejects, and iterating it throws. */
  (input: CompletionInput, options?: CompletionOptions): Completion
  /** Most tokens of prompt and completion together. */
  readonly contextLength: number
  /** Whether the model was trained to fill in between a prefix and a suffix. */
  readonly infills: boolean
}

/** More does not make completions much better, and takes a CPU seconds to read. */
const CONTEXT_TOKENS = 2048

/** What completes code with a decoder. */
export async function createGenerator(decoder: Decoder): Promise<CodeGenerator> {
  const { tokenizer, checkpoint } = decoder
  const [format, encoder] = await Promise.all([findFormat(tokenizer, checkpoint), createTextEncoder(tokenizer)])
  const { bos, eos } = tokenizer.special
  const beginning = [bos, eos].map((token) => (token === undefined ? undefined : tokenizer.idOf(token))).find((id) => id !== undefined) ?? decoder.endTokens[0]
  const prompter = new Prompter({ reference: checkpoint.reference, format, encoder, idOf: (token) => tokenizer.idOf(token), beginning, vocabulary: () => spellVocabulary(tokenizer) })
  spellVocabulary(tokenizer).catch(() => undefined) // the first call has it soon; what fails fails again there
  const complete = (input: CompletionInput, call: CompletionOptions = {}) => streamed((emit, signal) => run({ decoder, format, prompter }, input, call, emit, signal), (call as CompletionOptions | null)?.signal)
  return Object.assign(complete, { contextLength: decoder.contextLength, infills: format.fim !== undefined })
}

interface Opened {
  readonly decoder: Decoder
  readonly format: Format
  readonly prompter: Prompter
}

async function run({ decoder, format, prompter }: Opened, input: CompletionInput, options: CompletionOptions, emit: (text: string) => Promise<void> | undefined, signal: AbortSignal): Promise<CompletionResult> {
  const began = performance.now()
  checkInput(input)
  checkCompletionOptions(options)
  throwIfAborted(signal)
  const { prefix, suffix = '', path, language, files = [], repository } = input
  const { maxNewTokens = NEW_TOKENS, scope = 'auto', candidates = 1, stop = [], infill = 'middle', truncate = true, healing = true, contextTokens, signal: _, speculation, ...sampling } = options
  const room = checkRoom({ contextLength: decoder.contextLength, maxNewTokens: options.maxNewTokens, healing })
  const limit = Math.min(contextTokens ?? (truncate ? CONTEXT_TOKENS : Infinity), room)
  const structuring = createStructure({ prefix, suffix, language: languageNamed(language, path), scope })
  try {
    const [prompt, structure] = await Promise.all([prompter.prompt({ prefix, suffix, path, language, files, repository, infill, truncate, healing, contextTokens: limit }), structuring])
    throwIfAborted(signal)
    const request: Omit<GenerationRequest, 'until'> = {
      ...sampling,
      prompt: prompt.ids,
      maxNewTokens: maxNewTokens + (prompt.cut === '' ? 0 : FOR_CUT),
      stopTokens: format.stopTokens,
      processors: [...(sampling.processors ?? []), ...(prompt.cut === '' ? [] : [continuing(prompt.cut, vocabularyOf(decoder.tokenizer))])],
      speculation,
      logprobs: candidates > 1, // what they are ranked by
      reuse: 'read', // so that what was typed in between does not show in the text
      signal,
    }
    const before = performance.now() - began
    const release = releasing(suffix, stop, (text) => structure.finish(text, true))
    const made = await Promise.all(
      Array.from({ length: candidates }, (_, index) => generate({ decoder, prompt, structure, suffix, stop, maxNewTokens }, { ...request, ...varied(sampling, index) }, candidates === 1 ? { release, emit } : undefined)),
    )
    const ranked = rank(made.map(({ candidate }) => candidate))
    const best = ranked[0]!
    const { rest, text } = release.end(best.text)
    emit(rest)
    return { text, candidates: [{ ...best, text }, ...ranked.slice(1)], finishReason: best.finishReason, stats: statsTogether(made.map(({ stats }) => stats), before), context: prompt.context }
  } finally {
    const structure = await structuring.catch(() => undefined)
    structure?.dispose()
  }
}

/** As the caller names it, by a name or an extension, else as the path says; languages whose syntax is not known are completed without. */
function languageNamed(language: string | undefined, path = ''): CodeLanguage | undefined {
  if (language === undefined) return languageOf(path)
  const name = language.toLowerCase()
  return codeLanguages.find((known) => known === name) ?? languageOf(`.${name}`)
}

/** The first candidate is as the caller wants it, or the most likely text; the others differ from it by their seeds. */
function varied({ temperature, seed, topP }: CompletionOptions, index: number): Pick<CompletionOptions, 'temperature' | 'seed' | 'topP'> {
  if (index === 0) return {}
  // arXiv:2107.03374, section 3.3: 0.8 where several samples are drawn, with nucleus sampling at 0.95.
  if (temperature === undefined || temperature === 0) return { temperature: 0.8, topP: topP ?? 0.95, seed: furtherSeed(seed ?? 0, index) }
  return seed === undefined ? {} : { seed: furtherSeed(seed, index) }
}

/** Behind the greatest seed comes 0. */
function furtherSeed(seed: number, index: number): number {
  const left = Number.MAX_SAFE_INTEGER - seed
  return index <= left ? seed + index : index - left - 1
}

interface Around {
  readonly decoder: Decoder
  readonly prompt: Prompt
  readonly structure: Structure
  readonly suffix: string
  readonly stop: readonly string[]
  readonly maxNewTokens: number
}

interface Streaming {
  readonly release: Release
  readonly emit: (text: string) => Promise<void> | undefined
}

async function generate({ decoder, prompt: { cut }, structure, suffix, stop, maxNewTokens }: Around, request: GenerationRequest, streaming: Streaming | undefined): Promise<{ candidate: Candidate; stats: GenerationStats }> {
  const fresh = cut === '' ? undefined : new NewTokens(cut, vocabularyOf(decoder.tokenizer))
  let reason: FinishReason | undefined
  let end = Infinity
  /** What there was when the last token was chosen. */
  let length = 0
  /** What is new in a generated text: all but what the prompt left to be generated once more. */
  const own = (text: string) => (text.startsWith(cut) ? text.slice(cut.length) : '')
  const until = (text: string): number | undefined => {
    const mine = own(text)
    if (mine === '') return undefined
    const stopAt = Math.min(...stop.map((each) => mine.indexOf(each)).filter((index) => index >= 0))
    const complete = Math.min(structure.until(mine) ?? Infinity, repetitionAt(mine, suffix, false) ?? Infinity)
    // Where the last token ended within a character, this is called for the first time when there is one too many.
    const full = fresh === undefined || fresh.before + 1 < maxNewTokens ? Infinity : fresh.before < maxNewTokens ? mine.length : length
    length = mine.length
    end = Math.min(stopAt, complete, full)
    if (end === Infinity) return undefined
    reason = end === stopAt ? 'stop-string' : end === complete ? 'scope' : 'length'
    return cut.length + end
  }
  const generation = decoder.generate({ ...request, ...(fresh && { processors: [fresh.counting, ...(request.processors ?? [])] }), until })
  if (streaming !== undefined) {
    let text = ''
    for await (const piece of generation) {
      text += piece.text
      await streaming.emit(streaming.release.next(own(text).slice(0, end)))
    }
  }
  const result: GenerationResult = await generation.result
  const whole = own(result.text)
  const finishReason = reasonOf(result, reason)
  // Who stops at a text does not want what comes behind it.
  const text = structure.finish(whole.slice(0, repetitionAt(whole, suffix, true)), finishReason === 'stop-string')
  const several = streaming === undefined ? { ...result, errors: structure.score(text) } : undefined
  return { candidate: candidateOf(text, finishReason, several), stats: fresh === undefined ? result.stats : { ...result.stats, generatedTokens: Math.min(maxNewTokens, fresh.of(result.stats.generatedTokens)) } }
}

/** @param cut Why the text was cut, where it was. */
function reasonOf({ finishReason }: GenerationResult, cut: FinishReason | undefined): FinishReason {
  if (finishReason === 'length') return 'length'
  return (finishReason === 'until' ? cut : undefined) ?? 'end-token'
}
