import { realpath, stat } from 'node:fs/promises'
import { byteLength, InvalidFileError, type Graph } from '@tenon/core'

/** Constants smaller than a page stay in the model file: a page of padding each would cost more than it gains. */
export const PAGE = 4096

interface Range {
  readonly offset: number
  readonly length: number
}

/** A file that can serve as a model's data file as it is. */
export interface ServingFile {
  /** Canonical. */
  readonly path: string
  readonly size: number
  /** Where the constants lie that it holds. */
  readonly constants: ReadonlyMap<string, Range>
}

/**
 * The files that hold a graph's large constants in the layout it wants them in. Each is used for at least half, for the
 * rest travels with the model for nothing; and tensors that are not aligned to their elements do not count, since not every processor reads those.
 * @throws InvalidFileError when a file ends inside a constant.
 */
export async function servingFiles(graph: Graph): Promise<readonly ServingFile[]> {
  const candidates = new Map<string, Map<string, Range>>()
  for (const [name, { file, dtype, byteLength: length }] of graph.constants) {
    if (file === undefined || length < PAGE || file.offset % byteLength(dtype, []) !== 0) continue
    const path = await realpath(file.path)
    candidates.set(path, (candidates.get(path) ?? new Map<string, Range>()).set(name, { offset: file.offset, length }))
  }
  const serving: ServingFile[] = []
  for (const [path, constants] of candidates) {
    const { size } = await stat(path)
    const beyond = [...constants].find(([, { offset, length }]) => offset + length > size)
    if (beyond !== undefined) throw new InvalidFileError({ path, problem: `ends inside the tensor '${beyond[0]}'`, remedy: 'It changed after it was opened: open the model again' })
    if (usedBytes(constants) * 2 >= size) serving.push({ path, size, constants })
  }
  return serving
}

/** Several names may share their bytes. */
function usedBytes(constants: ReadonlyMap<string, Range>): number {
  const lengths = new Map([...constants.values()].map(({ offset, length }) => [offset, length]))
  return [...lengths.values()].reduce((sum, length) => sum + length, 0)
}
