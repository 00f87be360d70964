import { readdir, readFile } from 'node:fs/promises'
import { join, posix, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Kind } from './kinds.js'
import type { Names } from './names.js'

/** The files of a new plugin, by their paths, as they are before names are put in. */
export type Template = ReadonlyMap<string, string>

const root = fileURLToPath(new URL('../', import.meta.url))

/** npm leaves files named `.gitignore` out of packages. */
const realNames: Readonly<Record<string, string>> = { gitignore: '.gitignore' }

export async function readTemplate(kind: Kind): Promise<Template> {
  const files = new Map<string, string>()
  for (const folder of ['shared', kind]) {
    const from = join(root, 'templates', folder)
    for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const name = path.slice(from.length + 1).replaceAll(sep, posix.sep)
      files.set(realNames[name] ?? name, await readFile(path, 'utf8'))
    }
  }
  return files
}

/** Whether the template's own code says this word, so that nothing else can have it as its name. */
export function says(template: Template, identifier: string): boolean {
  const word = new RegExp(`\\b${identifier}\\b`)
  return Array.from(template).some(([path, text]) => path.endsWith('.ts') && word.test(text))
}

/** The template with the names in their places, and in package.json the versions that belong together. */
export function fillTemplate(template: Template, names: Names, versions: Readonly<Record<string, string>>): Map<string, string> {
  const values: Readonly<Record<string, string>> = { 'plugin-package': names.package, 'plugin-name': names.plugin, pluginFunction: names.function, PluginType: names.type }
  const fill = (text: string) => text.replaceAll(/plugin-package|plugin-name|pluginFunction|PluginType/g, (placeholder) => values[placeholder]!)
  return new Map(Array.from(template, ([path, text]) => [path, path === 'package.json' ? withVersions(fill(text), versions) : fill(text)]))
}

function withVersions(text: string, versions: Readonly<Record<string, string>>): string {
  const manifest = JSON.parse(text) as { dependencies: Record<string, string>; devDependencies: Record<string, string> }
  for (const list of [manifest.dependencies, manifest.devDependencies]) {
    for (const name of Object.keys(list)) {
      const version = versions[name]
      if (version === undefined) throw new TypeError(`package.json of create-tenon-plugin says no version of ${name}`)
      list[name] = version
    }
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** What new plugins depend on is what this package was tested with: its own package.json lists it. */
export async function readVersions(): Promise<Record<string, string>> {
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>>
  return Object.fromEntries(Object.entries({ ...dependencies, ...devDependencies }).map(([name, version]) => [name, /^\d/.test(version) ? `^${version}` : version]))
}
