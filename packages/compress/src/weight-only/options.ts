import { checkOptions, InvalidOptionError } from '@tenon/core'

/** A format of weights. */
export interface WeightFormat {
  /** 4 and 8: whole numbers that share a scale block by block. 16: floats, as they are stored or rounded to float16; a decoder's are kept as they are run. */
  readonly bits?: 4 | 8 | 16
  /** How many numbers share a scale: fewer are more exact, more are faster and smaller. Of no meaning with 16 bits. */
  readonly blockSize?: 16 | 32 | 64 | 128 | 256
}

export interface WeightOnlyOptions extends WeightFormat {
  /** Default 4. */
  readonly bits?: 4 | 8 | 16
  /** Default 32, and 64 with 8 bits: the largest whose products are the same to the bit for one row and for several. With 8 bits, 128 are faster still, and lose little. */
  readonly blockSize?: 16 | 32 | 64 | 128 | 256
  /** The layer that makes the outputs, where its errors are not averaged by any other. Default: 8 bits in blocks of 64, or 16 where the rest has 16. */
  readonly head?: WeightFormat
  /**
   * What a decoder reads its prompt with: `'int8'`, weights in bytes and integer products, which read about twice as fast and keep
   * a second form of the weights; or `'same'`, the same weights that it decodes with. Default `'int8'`, and `'same'` with 16 bits of
   * weights or of activations, and for models of many experts, whose memory it would double.
   */
  readonly prefill?: 'int8' | 'same'
  /**
   * What products with weights in blocks round their input to: `'int8'`, 8 bits that share a scale block by block, as llama.cpp does; or
   * `'int16'`, in two parts of 8 bits, which is as exact as floats to five digits, and reads prompts half as fast. It holds for weights that lie in blocks
   * already, as in a GGUF, too. Default `'int8'`.
   */
  readonly activations?: 'int8' | 'int16'
  /** Matrices of fewer elements stay as they are; with `Infinity`, all that are not in blocks already. Default 4096. */
  readonly smallest?: number
  /**
   * The folder where quantised weights are kept for the next time, or `false` to keep none. Default: `TENON_CACHE`, or the user's
   * cache directory.
   */
  readonly cache?: string | URL | false
  /** How many bytes the kept weights of all models may take; those that were not used for longest are removed. Default 20 GB. */
  readonly cacheBytes?: number
}

export interface Format {
  readonly bits: 4 | 8 | 16
  readonly blockSize: number
}

export interface Settings extends Format {
  readonly head: Format
  readonly prefill: 'int8' | 'same'
  /** Whether somebody chose it: by default, experts are not kept twice. */
  readonly isPrefillChosen: boolean
  readonly activations: 'int8' | 'int16'
  readonly smallest: number
  readonly cache: string | URL | false | undefined
  readonly cacheBytes: number
}

const where = 'weight-only'
const blockSizes = [16, 32, 64, 128, 256]
/** The largest blocks whose products are the same to the bit for one row and for several, so that guesses change nothing (docs/decisions/0018). */
const USUAL_BLOCK = { 4: 32, 8: 64, 16: 32 } as const

/** @throws InvalidOptionError */
export function settingsOf(options: WeightOnlyOptions): Settings {
  checkOptions(where, options, ['bits', 'blockSize', 'head', 'prefill', 'activations', 'smallest', 'cache', 'cacheBytes'])
  const { head = {}, activations = 'int8', smallest = 4096, cache, cacheBytes = 20e9 } = options
  checkOptions(`'head' in ${where}`, head, ['bits', 'blockSize'])
  const body = formatOf('', options, 4)
  const { prefill = body.bits === 16 || activations === 'int16' ? 'same' : 'int8' } = options
  const refuse = (option: string, value: unknown, remedy: string) => new InvalidOptionError({ where, option, problem: `is ${JSON.stringify(value) ?? String(value)}`, remedy })
  if (prefill !== 'int8' && prefill !== 'same') throw refuse('prefill', prefill, "Choose 'int8' or 'same'")
  if (activations !== 'int8' && activations !== 'int16') throw refuse('activations', activations, "Choose 'int8' or 'int16'")
  if (activations === 'int16' && prefill === 'int8') throw refuse('prefill', prefill, "That rounds the activations of prompts to 8 bits: with activations in 'int16', leave it out")
  if (!(smallest >= 0)) throw refuse('smallest', smallest, 'Give a number of elements, from 0 up')
  if (!(cache === undefined || cache === false || cache instanceof URL || (typeof cache === 'string' && cache !== ''))) throw refuse('cache', cache, 'Give a folder, or false to keep nothing')
  if (!(cacheBytes >= 0)) throw refuse('cacheBytes', cacheBytes, 'Give a number of bytes, from 0 up')
  return { ...body, head: formatOf('head.', head, body.bits === 16 ? 16 : 8), prefill, isPrefillChosen: options.prefill !== undefined, activations, smallest, cache, cacheBytes }
}

function formatOf(path: string, { bits: asked, blockSize }: WeightFormat, usual: Format['bits']): Format {
  const bits = asked ?? usual
  if (![4, 8, 16].includes(bits)) throw new InvalidOptionError({ where, option: `${path}bits`, problem: `is ${String(bits)}`, remedy: 'Choose 4, 8 or 16' })
  const format = { bits, blockSize: blockSize ?? USUAL_BLOCK[bits] }
  if (!blockSizes.includes(format.blockSize)) throw new InvalidOptionError({ where, option: `${path}blockSize`, problem: `is ${String(blockSize)}`, remedy: `Choose among: ${blockSizes.join(', ')}` })
  return format
}
