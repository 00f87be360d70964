import { basename } from 'node:path'
import type { Checkpoint, Emit } from '@tenon/core'
import type { Settings } from './options.js'
import { wideBytes } from './wide-weights.js'

/** How much of `cacheBytes` the floats of one model may take. */
const SHARE = 0.5

interface WideRoom {
  /** Bytes that weights of 16 bits take as they are run. */
  readonly bytes: number
  /** Whether they may take them. */
  readonly isThere: boolean
}

/** Room for floats of 16 bits as they are run; `undefined` where there are none, or where weights get fewer bits. */
export function wideRoom({ constants }: Pick<Checkpoint, 'constants'>, { bits, smallest, cache, cacheBytes }: Settings): WideRoom | undefined {
  if (bits !== 16 && smallest !== Infinity) return undefined
  const bytes = wideBytes(constants.values(), smallest !== Infinity)
  return bytes === 0 ? undefined : { bytes, isThere: cache !== false && bytes <= SHARE * cacheBytes }
}

/** Says by a notice that weights are not kept as they are run, because that takes too much room. */
export function tellWidened(checkpoint: Pick<Checkpoint, 'reference' | 'constants'>, settings: Settings, emit: Emit): void {
  const room = wideRoom(checkpoint, settings)
  if (room === undefined || room.isThere || settings.cache === false) return
  emit({
    type: 'notice',
    code: 'TENON_WEIGHTS_WIDENED',
    message: `${basename(checkpoint.reference)}: its weights of 16 bits take ${size(room.bytes)} as they are run, more than half of what may be kept (${size(settings.cacheBytes)}, 'cacheBytes'): they are widened at each start. In 8 or 4 bits they are made smaller once and kept`,
  })
}

const size = (bytes: number) => (bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`)
