import { TenonError } from '@tenon/core'

/** No token can be chosen from these logits: they hold NaN or Infinity, or none of them is finite. */
export class InvalidLogitsError extends TenonError {
  /** Whose doing it is: the model's, or a processor's that ran over what the model gave. */
  readonly from: 'model' | 'processor'

  constructor({ from, problem }: { from: 'model' | 'processor'; problem: string }) {
    super({
      code: 'TENON_INVALID_LOGITS',
      message: from === 'model' ? `The model gave logits that ${problem}` : `Penalties and logits processors left logits that ${problem}`,
      remedy: from === 'model' ? 'Check the weights, or run them in a wider type such as float32: half precision overflows past 65,504' : 'Check the processors that were passed, and loosen noRepeatNgramSize and the penalties',
    })
    this.from = from
  }
}
