import type { Kind } from './kinds.js'
import { namesOf, placeOf, type Names } from './names.js'
import { fillTemplate, readTemplate, readVersions, says } from './template.js'
import { writeFolder } from './write-folder.js'

/** What was made. */
export interface Created {
  readonly kind: Kind
  readonly names: Names
  /** Absolute. */
  readonly folder: string
  readonly files: readonly string[]
}

/**
 * Makes a plugin's folder: whole, or not at all.
 * @param argument A package's name, or a path whose last part is one.
 * @throws InvalidNameError, FolderInUseError
 */
export async function create(argument: string, kind: Kind, from: string): Promise<Created> {
  const { name, folder } = placeOf(argument, from)
  const template = await readTemplate(kind)
  const names = namesOf(name, kind, (identifier) => says(template, identifier))
  const files = fillTemplate(template, names, await readVersions())
  await writeFolder(folder, files)
  return { kind, names, folder, files: [...files.keys()].toSorted() }
}
