import { openFolder, openSafetensors } from '@tenon/checkpoint'
import { InvalidInputError, type Constant, type FileRange } from '@tenon/core'
import { sourceOf } from './source-of.js'

/** The error for a weight that has no scale: it says which one, and of which file, as far as can be told. @param weight as it is stored. */
export async function notFinite(weight: Constant): Promise<InvalidInputError> {
  const name = weight.file && (await nameAt(weight.file).catch(() => undefined)) // whatever fails here, the weight is told of
  const files = sourceOf(weight)?.files ?? []
  const what = name === undefined ? `a weight of ${weight.shape.join(' × ')}` : `the weight '${name}'`
  return new InvalidInputError({
    what: files.length === 0 ? what : `${what} in ${files.join(', ')}`,
    problem: 'is infinite or not a number somewhere: such a matrix has no scale',
    remedy: 'check the checkpoint, which may be damaged or the end of a training that diverged; without compression it runs as it is',
  })
}

/** The tensor in whose bytes this place lies, which may be those of a part of it: several matrices are stored as one. */
async function nameAt({ path, offset }: FileRange): Promise<string | undefined> {
  await using opened = path.endsWith('.gguf') ? await openFolder(path) : await openSafetensors(path)
  const tensors = 'tensors' in opened ? opened.tensors : opened.constants
  for (const [name, { file, byteLength }] of tensors) if (file?.path === path && file.offset <= offset && offset < file.offset + byteLength) return name
  return undefined
}
