import type { Executable, RunOptions, Tensor, TypedArray } from '@tenon/core'
import type { Read } from './compare.js'

/** A tensor's elements, copied: what it shows may alias its memory. */
export async function read(tensor: Tensor): Promise<Read> {
  return { dtype: tensor.dtype, shape: [...tensor.shape], values: (await tensor.data()).slice() as TypedArray }
}

/** Runs, reads the outputs and frees them. */
export async function runAndRead(executable: Executable, feeds: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Record<string, Read>> {
  const outputs = await executable.run(feeds, options)
  try {
    return Object.fromEntries(await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name, await read(output)] as const)))
  } finally {
    for (const output of Object.values(outputs)) output[Symbol.dispose]()
  }
}
