import { basename } from 'node:path'
import type { Checkpoint, Constant, Emit } from '@tenon/core'

/**
 * Says by a notice that weights stay as they are stored: what lies in blocks already is not rounded again, whatever was asked for. Of a few
 * that are in more bits than the rest, as in most GGUF files, nothing is said.
 * @param bits What was asked for.
 */
export function tellStored({ reference, constants }: Pick<Checkpoint, 'reference' | 'constants'>, bits: number | undefined, emit: Emit): void {
  if (bits === undefined) return
  const all = Array.from(constants.values())
  const others = all.filter(({ blocks }) => blocks !== undefined && blocks.bits !== bits)
  if (others.length === 0 || (bits !== 16 && numbersOf(others) * 2 < numbersOf(all))) return
  const stored = Array.from(new Set(others.map(({ blocks }) => blocks!.bits))).toSorted((a, b) => a - b).join(' and ')
  emit({
    type: 'notice',
    code: 'TENON_WEIGHTS_AS_STORED',
    message: `${basename(reference)}: ${others.length} weights lie in blocks of ${stored} bits already and stay so, though ${bits} bits were asked for. To make others of them, read them as floats: files({ dequantize: true })`,
  })
}

const numbersOf = (constants: readonly Constant[]): number => constants.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
