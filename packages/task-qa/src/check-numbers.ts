import { InvalidOptionError } from '@tenon/core'

const where = 'a knowledge base'

/** @throws InvalidOptionError */
export function checkTopK(topK: number): number {
  if (Number.isInteger(topK) && topK > 0) return topK
  throw new InvalidOptionError({ where, option: 'topK', problem: `is ${topK}`, remedy: 'Pass a whole number from 1 on' })
}

/** @throws InvalidOptionError */
export function checkThreshold(threshold: number): number {
  if (threshold >= 0 && threshold <= 1) return threshold
  throw new InvalidOptionError({ where, option: 'threshold', problem: `is ${threshold}`, remedy: 'Pass a number from 0 to 1' })
}
