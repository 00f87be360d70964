import { TenonError } from './tenon-error.js'

/** No source has the model. */
export class ModelNotFoundError extends TenonError {
  readonly reference: string

  constructor({ reference, looked }: { reference: string; looked: readonly { source: string; reason: string }[] }) {
    const where = looked.map(({ source, reason }) => `${source}: ${reason}`).join('; ')
    super({
      code: 'TENON_MODEL_NOT_FOUND',
      message: `The model '${reference}' was not found (${where || 'no source plugin was passed'})`,
      remedy: looked.length === 0 ? 'Pass a source, such as files() from @tenon/checkpoint' : 'Check the name, or pass the folder that holds its config.json',
    })
    this.reference = reference
  }
}
