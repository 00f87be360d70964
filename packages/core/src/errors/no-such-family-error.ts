import { listing } from '../nearest.js'
import { TenonError } from './tenon-error.js'

/** No model plugin reads this `model_type`. */
export class NoSuchFamilyError extends TenonError {
  constructor({ reference, modelType, available }: { reference: string; modelType: string; available: readonly string[] }) {
    super({
      code: 'TENON_NO_SUCH_FAMILY',
      message: `No plugin reads the model family '${modelType}' of '${reference}'`,
      remedy: listing(modelType, available, 'model'),
    })
  }
}
