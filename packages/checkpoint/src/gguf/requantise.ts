/** Numbers become new codes, floor(code · step + start), of which the one for the number 0 is 128; and a new scale. */
export interface Fit {
  scale: number
  step: number
  start: number
}

/** 1 / n */
const parts = Float64Array.from({ length: 256 }, (_, divisor) => 1 / divisor)

/**
 * Eight bits without a minimum for numbers code · scale + minimum, where codes go up to `last`. The new scale is the old
 * one divided by a whole number, so that the distances between the numbers stay exact, and what is rounded is the
 * minimum alone: by half a new scale at most. Of the divisors there is room for, the one that rounds it least is taken.
 * Where there is none, since the numbers lie far from 0 and close together, each is rounded.
 */
export function fitMinimum(scale: number, minimum: number, last: number, fit: Fit): void {
  const ratio = minimum / scale // in old scales
  const room = Math.floor(127.5 / Math.max(Math.abs(ratio), Math.abs(ratio + last)))
  let best = Infinity
  for (let divisor = room; divisor >= 1; divisor--) {
    const exact = ratio * divisor
    const start = Math.floor(exact + 0.5)
    const error = Math.abs(exact - start) * parts[divisor]!
    if (error >= best || start < -128 || start + last * divisor > 127) continue
    best = error
    fit.step = divisor
    fit.start = start + 128
  }
  if (best < Infinity) {
    fit.scale = scale / fit.step
  } else if (scale === 0 || !Number.isFinite(ratio)) {
    // All numbers are the minimum; or one is infinite or no number, and then all of the block are.
    fit.scale = scale === 0 ? minimum : scale + minimum
    fit.step = 0
    fit.start = 129
  } else {
    fit.scale = Math.max(Math.abs(minimum), Math.abs(minimum + last * scale)) / 127
    fit.step = scale / fit.scale
    fit.start = minimum / fit.scale + 128.5
  }
}
