import { TenonError } from '@tenon/core'

/** There is text behind the cursor, and the model was not trained to fill in. */
export class NoInfillingError extends TenonError {
  constructor(reference: string) {
    super({
      code: 'TENON_NO_INFILLING',
      message: `${reference} has no tokens for filling in the middle in its vocabulary, and there is text behind the cursor`,
      remedy: "Choose a model that was trained for it, such as Qwen2.5-Coder or StarCoder2; or pass infill: 'prefix-only' (on the command line --prefix-only) to go on from what stands before the cursor",
    })
  }
}
