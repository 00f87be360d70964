import { checkOptions, InvalidInputError, InvalidOptionError, kindOf, spelled } from '@tenon/core'
import type { Constraint } from '../constraint/index.js'
import { samplingOptions } from '../sampling/index.js'
import { checkStopStrings } from '../text/index.js'
import type { BeamOptions, GenerationRequest } from './decoder.js'

const where = 'decoder.generate'

/** Options of a request that are not the sampler's. */
const own = ['prompt', 'maxNewTokens', 'stop', 'stopTokens', 'endTokens', 'until', 'constraint', 'speculation', 'exact', 'reuse', 'beams', 'signal'] as const

/** What of a request depends on the decoder. */
export interface RequestLimits {
  readonly contextLength: number
  readonly vocabularySize: number
  /** Slots of the cache: most beams. */
  readonly slots: number
}

/** @throws InvalidInputError, InvalidOptionError */
export function checkRequest(request: GenerationRequest, limits: RequestLimits): void {
  checkOptions(where, request, [...own, ...samplingOptions])
  const { prompt, maxNewTokens, stop, stopTokens, endTokens, until, constraint, beams, exact, reuse } = request
  checkIds('the prompt', prompt, limits)
  if (maxNewTokens !== undefined && !(Number.isInteger(maxNewTokens) && maxNewTokens >= 0)) fail('maxNewTokens', `is ${spelled(maxNewTokens)}`, 'Give a whole number from 0 up')
  if (stop !== undefined) checkStopStrings(where, stop)
  for (const [option, ids] of [['stopTokens', stopTokens], ['endTokens', endTokens]] as const) {
    if (ids !== undefined && !(Array.isArray(ids) && ids.every(Number.isInteger))) fail(option, 'is no list of token ids', 'Give ids, such as [tokenizer.idOf(…)]')
  }
  if (until !== undefined && typeof until !== 'function') fail('until', `is ${kindOf(until)}`, 'Give (text) => where it is to be cut, or undefined')
  if (constraint !== undefined && typeof constraint !== 'function' && typeof (constraint as Constraint | null)?.mask !== 'function') fail('constraint', `is ${kindOf(constraint)}`, 'Give jsonSchema(…), grammar(…), or a Constraint')
  if (exact !== undefined && typeof exact !== 'boolean') fail('exact', `is ${kindOf(exact)}`, 'Give true or false')
  if (reuse !== undefined && reuse !== 'all' && reuse !== 'read') fail('reuse', `is ${spelled(reuse)}`, "Choose 'all' or 'read'")
  if (beams === undefined) return
  if (typeof beams !== 'number') checkOptions('beams', beams, ['count', 'lengthPenalty', 'earlyStopping', 'best'])
  checkBeams(beamOptions(beams), request, limits)
}

/** With the defaults. */
export function beamOptions(beams: number | BeamOptions): Required<BeamOptions> {
  return { lengthPenalty: 1, earlyStopping: false, best: 1, ...(typeof beams === 'number' ? { count: beams } : beams) }
}

function checkBeams({ count, best, lengthPenalty, earlyStopping }: Required<BeamOptions>, { temperature, topK, topP, minP, typicalP, constraint, speculation, until }: GenerationRequest, { slots }: RequestLimits): void {
  if (!(Number.isInteger(count) && count >= 1)) fail('beams', `is ${String(count)}`, 'Give a whole number from 1 up')
  if (count > slots) fail('beams', `is ${count}, and the decoder has ${slots} slots`, 'Open it with more slots')
  if (!(Number.isInteger(best) && best >= 1 && best <= count)) fail('beams', `asks for the best ${String(best)} of ${count}`, 'Ask for no more than there are')
  if (!Number.isFinite(lengthPenalty)) fail('beams', `has the lengthPenalty ${String(lengthPenalty)}`, 'Give a number')
  if (![true, false, 'never'].includes(earlyStopping)) fail('beams', `has the earlyStopping ${String(earlyStopping)}`, "Give true, false or 'never'")
  const other = Object.entries({ constraint, speculation: speculation === false ? undefined : speculation, until }).find(([, value]) => value !== undefined)?.[0] ?? Object.entries({ temperature: temperature !== 0 && temperature, topK, topP, minP, typicalP }).find(([, value]) => typeof value === 'number')?.[0]
  if (other !== undefined) fail(other, 'goes with no beam search', `Leave out 'beams' or '${other}'`)
}

/**
 * That these are tokens of this model, at least one, and no more than it reads.
 * @throws InvalidInputError
 */
export function checkIds(what: string, ids: readonly number[], { contextLength, vocabularySize }: RequestLimits): void {
  if (!Array.isArray(ids)) throw new InvalidInputError({ what, problem: `is ${kindOf(ids)}`, remedy: 'pass token ids, as tokenizer.encode gives them' })
  if (ids.length === 0) throw new InvalidInputError({ what, problem: 'is empty', remedy: 'pass at least one token, such as the one that begins a text' })
  if (ids.length > contextLength) throw new InvalidInputError({ what, problem: `has ${ids.length} tokens, and the context holds ${contextLength}`, remedy: 'cut it, or open the decoder with a greater contextLength or cacheBytes, where the model reads more' })
  const wrong = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabularySize))
  if (wrong >= 0) throw new InvalidInputError({ what, problem: `holds ${String(ids[wrong])} at ${wrong}, and the model knows the tokens 0 to ${vocabularySize - 1}`, remedy: 'use the tokenizer that belongs to the model' })
}

function fail(option: string, problem: string, remedy: string): never {
  throw new InvalidOptionError({ where, option, problem, remedy })
}
