import { checkOptions, InvalidOptionError } from '@tenon/core'

/** A format of weights. */
export interface WeightFormat {
  /** 4 and 8: whole numbers that share a scale block by block. 16: floats, as they are stored or rounded to float16. */
  readonly bits?: 4 | 8 | 16
  /** How many numbers share a scale: fewer are more exact, more are faster and smaller. Of no meaning with 16 bits. */
  readonly blockSize?: 16 | 32 | 64 | 128 | 256
}

export interface WeightOnlyOptions extends WeightFormat {
  /** Default 4. */
  readonly bits?: 4 | 8 | 16
  /** Default 32. With 8 bits, 128 multiply half again as fast and lose little, but not to the same bit for one row as for several. */
  readonly blockSize?: 16 | 32 | 64 | 128 | 256
  /** The layer that makes the outputs, where its errors are not averaged by any other. Default: 8 bits in blocks of 32, or 16 where the rest has 16. */
  readonly head?: WeightFormat
  /**
   * What a decoder reads its prompt with: `'int8'`, weights in bytes and integer products, which read about twice as fast and keep
   * a second form of the weights; or `'same'`, the same weights that it decodes with. Default `'int8'`, and `'same'` with 16 bits.
   */
  readonly prefill?: 'int8' | 'same'
  /** Matrices of fewer elements stay as they are. Default 4096. */
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
  readonly smallest: number
  readonly cache: string | URL | false | undefined
  readonly cacheBytes: number
}

const where = 'weight-only'
const blockSizes = [16, 32, 64, 128, 256]
/** The blocks whose products are the same to the bit for one row and for several, so that guesses change nothing (docs/decisions/0018). */
const USUAL_BLOCK = 32

/** @throws InvalidOptionError */
export function settingsOf(options: WeightOnlyOptions): Settings {
  checkOptions(where, options, ['bits', 'blockSize', 'head', 'prefill', 'smallest', 'cache', 'cacheBytes'])
  const { head = {}, smallest = 4096, cache, cacheBytes = 20e9 } = options
  checkOptions(`'head' in ${where}`, head, ['bits', 'blockSize'])
  const body = formatOf('', options, 4)
  const { prefill = body.bits === 16 ? 'same' : 'int8' } = options
  const refuse = (option: string, value: unknown, remedy: string) => new InvalidOptionError({ where, option, problem: `is ${JSON.stringify(value) ?? String(value)}`, remedy })
  if (prefill !== 'int8' && prefill !== 'same') throw refuse('prefill', prefill, "Choose 'int8' or 'same'")
  if (!(smallest >= 0)) throw refuse('smallest', smallest, 'Give a number of elements, from 0 up')
  if (!(cache === undefined || cache === false || cache instanceof URL || (typeof cache === 'string' && cache !== ''))) throw refuse('cache', cache, 'Give a folder, or false to keep nothing')
  if (!(cacheBytes >= 0)) throw refuse('cacheBytes', cacheBytes, 'Give a number of bytes, from 0 up')
  return { ...body, head: formatOf('head.', head, body.bits === 16 ? 16 : 8), prefill, smallest, cache, cacheBytes }
}

function formatOf(path: string, { bits: asked, blockSize }: WeightFormat, usual: Format['bits']): Format {
  const bits = asked ?? usual
  if (![4, 8, 16].includes(bits)) throw new InvalidOptionError({ where, option: `${path}bits`, problem: `is ${String(bits)}`, remedy: 'Choose 4, 8 or 16' })
  const format = { bits, blockSize: blockSize ?? USUAL_BLOCK }
  if (!blockSizes.includes(format.blockSize)) throw new InvalidOptionError({ where, option: `${path}blockSize`, problem: `is ${String(blockSize)}`, remedy: `Choose among: ${blockSizes.join(', ')}` })
  return format
}
