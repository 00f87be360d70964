import type { NumericType } from '@tenon/core'

/** How far an element may be from the reference's: `absolute`, or `relative` to the reference where that is more. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

export type ToleranceTable = Readonly<Partial<Record<NumericType, Tolerance>>>

/**
 * By the type that is compared; what is not here, integers and booleans, is exact. Half of what NumPy compares ONNX's own
 * test vectors with (`rtol` 1e-3) is a unit in the last place of float16, and float32 is asked for a hundred times more.
 */
export const defaultTolerance: ToleranceTable = {
  float64: { absolute: 1e-7, relative: 1e-6 },
  float32: { absolute: 1e-5, relative: 1e-5 },
  float16: { absolute: 1e-3, relative: 2e-3 },
  bfloat16: { absolute: 1e-2, relative: 2e-2 },
}
