import { Option, type Command } from 'commander'
import { activationFormats, weightFormats, type Activations, type Weights } from './open-decoder.js'
import { above, collectFilled, integer, number, wholeNumber } from './option-parsers.js'
import type { RunsOn } from './runtime.js'

/** What every command takes whose model writes. */
export interface DecoderOptions extends RunsOn {
  readonly model?: string
  readonly weights?: Weights
  readonly activations?: Activations
  readonly draft?: string
  readonly contextLength?: number
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

/** Adds the options to a command. @param defaults What is done where they are left out, in words. */
export function addDecoderOptions(command: Command, defaults: { readonly maxTokens: string; readonly temperature: string }): Command {
  return command
    .addOption(new Option('-m, --model <model>', 'a model that writes: a folder, a .gguf file, an installed model package, or a name on the hub'))
    .addOption(new Option('--weights <format>', 'make the weights smaller while loading, and keep them for the next time (default: as they are stored)').choices(weightFormats))
    .addOption(new Option('--activations <format>', 'what is multiplied by weights in few bits: int16 is as exact as floats, and reads prompts half as fast (default: int8)').choices(activationFormats))
    .option('--context-length <n>', 'most tokens to read and write together (default: as many as the model reads and memory holds)', wholeNumber)
    .option('-n, --max-tokens <n>', `most tokens to write (default: ${defaults.maxTokens})`, wholeNumber)
    .option('-t, --temperature <t>', `how freely to choose among likely tokens; 0 takes the likeliest (default: ${defaults.temperature})`, number(0))
    .option('--top-k <n>', 'choose among the n likeliest tokens', wholeNumber)
    .option('--top-p <p>', 'choose among the likeliest tokens that together have this probability', above(0, 1))
    .option('--min-p <p>', 'choose among tokens that have this share of the probability of the likeliest', number(0, 1))
    .option('--repetition-penalty <x>', 'make tokens that were there before less likely; 1 changes nothing', above(0))
    .option('--seed <n>', 'the same numbers drawn, and so the same text, each time', integer)
    .option('--stop <text>', 'end before this text; repeat it for several', collectFilled)
    .option('--prompt-lookup', 'guess ahead by what stands in the prompt: each guess is checked, and the text comes sooner where it repeats')
    .addOption(new Option('--draft <model>', 'a smaller model of the same vocabulary that guesses ahead: each guess is checked, and the text comes sooner where most are right').conflicts('promptLookup'))
    .option('--stats', 'say on stderr how long it took')
}

/** The options that say which model is opened, and how. */
export const openingOptions = ({ model, weights, activations, draft, contextLength, backend, device, deployment }: DecoderOptions) => ({ model, weights, activations, draft, contextLength, backend, device, deployment })

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
