import { InvalidArgumentError, Option, type Command } from 'commander'
import { weightFormats, type Weights } from './open-decoder.js'
import type { RunsOn } from './runtime.js'

/** What every command takes whose model writes. */
export interface DecoderOptions extends RunsOn {
  readonly model?: string
  readonly weights?: Weights
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly seed?: number
  readonly stop?: readonly string[]
  readonly promptLookup?: boolean
  readonly stats?: boolean
}

/** Adds the options to a command. */
export function addDecoderOptions(command: Command): Command {
  return command
    .addOption(new Option('-m, --model <model>', 'a model that writes: a folder, a .gguf file, an installed model package, or a name on the hub'))
    .addOption(new Option('--weights <format>', 'make the weights smaller while loading, and keep them for the next time (default: as they are stored)').choices(weightFormats))
    .option('-n, --max-tokens <n>', 'most tokens to write', wholeNumber)
    .option('-t, --temperature <t>', 'how freely to choose among likely tokens; 0 takes the likeliest (default: 0)', number(0))
    .option('--top-k <n>', 'choose among the n likeliest tokens', wholeNumber)
    .option('--top-p <p>', 'choose among the likeliest tokens that together have this probability', number(0, 1))
    .option('--min-p <p>', 'choose among tokens that have this share of the probability of the likeliest', number(0, 1))
    .option('--repetition-penalty <x>', 'make tokens that were there before less likely; 1 changes nothing', number(0))
    .option('--seed <n>', 'the same numbers drawn, and so the same text, each time', integer)
    .option('--stop <text>', 'end before this text; repeat it for several', (text: string, before: readonly string[] = []) => [...before, text])
    .option('--prompt-lookup', 'guess ahead by what stands in the prompt: no other text for it, and sooner where it repeats')
    .option('--stats', 'say on stderr how long it took')
}

/** The options as generations take them. */
export function generationOptions({ maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop, promptLookup }: DecoderOptions) {
  return {
    ...(maxTokens !== undefined && { maxNewTokens: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stop }),
    ...(promptLookup && { speculation: 'prompt-lookup' as const }),
  }
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Give a whole number from 1 on.')
}

function integer(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== '') return value
  throw new InvalidArgumentError('Give a whole number from 0 on.')
}

const number = (least: number, most = Infinity) => (text: string): number => {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value
  throw new InvalidArgumentError(most === Infinity ? `Give a number from ${least} on.` : `Give a number from ${least} to ${most}.`)
}
