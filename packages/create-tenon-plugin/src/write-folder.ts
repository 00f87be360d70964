import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FolderInUseError } from './errors/folder-in-use-error.js'

/**
 * Writes files into a folder that is not there yet, or has nothing in it but a Git repository. They are written beside it and then
 * moved, so that nothing is left behind where it fails.
 * @throws FolderInUseError
 */
export async function writeFolder(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  const present = await contentOf(folder)
  await mkdir(dirname(folder), { recursive: true })
  const staged = join(dirname(folder), `.create-tenon-plugin-${randomUUID()}`) // not mkdtemp, which lets nobody else read it
  try {
    await mkdir(staged)
    for (const [path, text] of files) {
      await mkdir(dirname(join(staged, path)), { recursive: true })
      await writeFile(join(staged, path), text)
    }
    if (present === undefined) await rename(staged, folder)
    else await moveInto(staged, folder)
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** What is in a folder; `undefined` where there is none. */
async function contentOf(folder: string): Promise<readonly string[] | undefined> {
  try {
    const entries = (await readdir(folder)).filter((name) => name !== '.git')
    if (entries.length > 0) throw new FolderInUseError({ folder, problem: `holds ${entries.length === 1 ? `'${entries[0]}'` : `${entries.length} files or folders`} already` })
    return entries
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw code === 'ENOTDIR' ? new FolderInUseError({ folder, problem: 'is a file' }) : error
  }
}

async function moveInto(staged: string, folder: string): Promise<void> {
  const moved: string[] = []
  try {
    for (const name of await readdir(staged)) {
      await rename(join(staged, name), join(folder, name))
      moved.push(name)
    }
  } catch (error) {
    for (const name of moved) await rm(join(folder, name), { recursive: true, force: true })
    throw error
  }
}
