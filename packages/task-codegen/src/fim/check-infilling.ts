import type { Checkpoint } from '@tenon/core'
import { NoInfillingError } from '../errors/no-infilling-error.js'
import { findFormat } from './find-format.js'

/**
 * That a model was trained to fill in between a prefix and a suffix. Its tokenizer says so: whoever knows that there is text behind
 * the cursor learns it before the weights are made smaller and compiled.
 * @throws NoInfillingError, and what reading the tokenizer throws.
 * @example
 * await using checkpoint = await runtime.checkpoint(model)
 * await checkInfilling(checkpoint)
 * const complete = await runtime.task('code-generation', { model }) // opens no file twice while the checkpoint is open
 */
export async function checkInfilling(checkpoint: Checkpoint): Promise<void> {
  const { fim } = await findFormat(await checkpoint.tokenizer(), checkpoint)
  if (fim === undefined) throw new NoInfillingError(checkpoint.reference)
}
