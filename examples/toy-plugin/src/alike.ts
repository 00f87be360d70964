import { checkOptions, InvalidInputError, type RunOptions, type Task, type TaskContext } from '@tenon/core'
import { openEncoder, type EncoderOptions } from '@tenon/checkpoint/encoder'

export interface AlikeOptions extends RunOptions {
  /** Called as texts are done. */
  readonly onProgress?: (done: number, total: number) => void
}

/** How alike two texts are, -1 to 1. */
export type Alike = (one: string, other: string, options?: AlikeOptions) => Promise<number>

/**
 * The task `'alike'`: the cosine of two texts' vectors, by a model with the head `text`.
 * @example
 * const alike = await runtime.task('alike', { model: './words' })
 * await alike('a cat', 'a kitten') // 0.93
 */
export function alike(): Task<'alike', EncoderOptions, Alike> {
  return { kind: 'task', version: 'v1', name: 'alike', create }
}

async function create(context: TaskContext, options: EncoderOptions): Promise<Alike> {
  checkOptions("the task 'alike'", options, ['maxLength', 'batchTokens'])
  const encoder = await openEncoder(context, 'text', { where: "the task 'alike'", ...options })
  return async (one, other, call = {}) => {
    checkOptions("a call of the task 'alike'", call, ['signal', 'onProgress'])
    for (const [index, text] of [one, other].entries()) if (typeof text !== 'string') throw new InvalidInputError({ what: `text ${index}`, problem: `is ${text === null ? 'null' : typeof text}`, remedy: 'pass two strings' })
    const [a, b] = (await encoder.rows([one, other], 'text', call)) as [Float32Array, Float32Array]
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, at) => sum + value * y[at]!, 0)
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
  }
}
