import { randomUUID } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Files of a folder that belong together, written under temporary names until all are whole. Disposing removes what was not committed. */
export interface StagedFiles extends AsyncDisposable {
  /** Where to write the file of this name. */
  path(name: string): string
  /**
   * Gives the files their names, the `head` last: the one by which the others are found. An older head goes first, so
   * that whoever looks in between, or after a crash, finds no head, and never one beside the files of another.
   */
  commit(head: string): Promise<void>
}

export function stageFiles(folder: string): StagedFiles {
  const suffix = `.${randomUUID()}.partial`
  const names = new Set<string>()
  const temporary = (name: string) => join(folder, `${name}${suffix}`)
  const retired = (name: string) => join(folder, `${name}${suffix}.old`)
  return {
    path(name) {
      names.add(name)
      return temporary(name)
    },
    async commit(head) {
      const others = [...names].filter((name) => name !== head)
      const replaces = await rename(join(folder, head), retired(head)).then(() => true, absent)
      let moved = 0
      try {
        for (const name of others) {
          await rename(temporary(name), join(folder, name))
          moved++
        }
        await rename(temporary(head), join(folder, head))
      } catch (error) {
        // The older head still fits what stands beside it only while nothing was replaced.
        if (replaces && moved === 0) await rename(retired(head), join(folder, head))
        throw error
      } finally {
        await rm(retired(head), { force: true })
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...names].map((name) => rm(temporary(name), { force: true })))
    },
  }
}

function absent(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
  throw error
}
