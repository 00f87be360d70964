import { randomUUID } from 'node:crypto'
import { readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { InvalidOptionError, type Checkpoint } from '@tenon/core'

/** A place for a folder. */
export interface TargetFolder {
  /** Moves a whole folder there. */
  replaceBy(folder: string): Promise<void>
}

/**
 * Checks that a folder may be made there before any work is done for it. What exists is replaced only on request, and only if
 * it is a model: a mistyped path shall not cost a home folder.
 * @throws InvalidOptionError
 */
export async function claimFolder(folder: string, checkpoint: Checkpoint, overwrite: boolean): Promise<TargetFolder> {
  const refuse = (problem: string, remedy: string): never => {
    throw new InvalidOptionError({ where: 'exportModel', option: 'to', problem: `is ${folder}, ${problem}`, remedy })
  }
  const content = await contentOf(folder)
  if (content === undefined) return { replaceBy: (made) => rename(made, folder) }
  if (content === 'file') return refuse('which is a file', 'Name a folder')
  if (content.length === 0) {
    return {
      async replaceBy(made) {
        await rmdir(folder)
        await rename(made, folder)
      },
    }
  }
  if (!overwrite) refuse('which exists', 'Name a new folder, or pass overwrite: true to replace it')
  if (!content.includes('config.json')) refuse('which holds no model', 'Only a model is overwritten: name another folder, or remove this one yourself')
  if (await holds(folder, checkpoint)) refuse('which holds the model that is exported', 'Name another folder')
  return {
    async replaceBy(made) {
      const retired = join(dirname(folder), `.${basename(folder)}.${randomUUID()}.old`)
      await rename(folder, retired)
      try {
        await rename(made, folder)
      } catch (error) {
        await rename(retired, folder)
        throw error
      }
      await rm(retired, { recursive: true, force: true })
    },
  }
}

async function contentOf(folder: string): Promise<readonly string[] | 'file' | undefined> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) return undefined
  return found.isDirectory() ? readdir(folder) : 'file'
}

async function holds(folder: string, checkpoint: Checkpoint): Promise<boolean> {
  const [outer, inner] = await Promise.all([realpath(folder), realpath(await checkpoint.path('config.json'))])
  return inner.startsWith(outer + sep)
}
