import { TenonError } from '@tenon/core'
import { describe } from './errors/describe.js'

/**
 * What joining the packages refuses, in words of the command line: nobody can add a plugin there.
 * @throws TenonError
 */
export function joined<T>(join: () => T, { deployment }: { readonly deployment?: string | undefined }): T {
  try {
    return join()
  } catch (error) {
    const { path } = error as { readonly path?: unknown }
    if (deployment !== undefined || path !== 'default.backend') throw error
    const { code, message } = describe(error)
    throw new TenonError({ code, message, remedy: 'Choose onnx, tfjs or auto; `tenon doctor` says what runs on this machine', cause: error })
  }
}
