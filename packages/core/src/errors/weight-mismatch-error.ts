import { TenonError } from './tenon-error.js'

/** A checkpoint's config and its weights disagree. */
export class WeightMismatchError extends TenonError {
  readonly tensor: string
  readonly expected: readonly number[]
  /** `undefined` where the tensor is absent. */
  readonly actual: readonly number[] | undefined

  constructor({ reference, tensor, expected, actual }: { reference: string; tensor: string; expected: readonly number[]; actual: readonly number[] | undefined }) {
    const found = actual === undefined ? 'the checkpoint has no such tensor' : `the checkpoint holds [${actual.join(', ')}]`
    super({
      code: 'TENON_WEIGHT_MISMATCH',
      message: `The config of '${reference}' asks for '${tensor}' of shape [${expected.join(', ')}], and ${found}`,
      remedy: 'Use the config.json that belongs to these weights, or a head that they hold',
    })
    this.tensor = tensor
    this.expected = expected
    this.actual = actual
  }
}
