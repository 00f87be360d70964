import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Target {
  types: string
  default: string
}

export interface Entry {
  'tenon-source'?: string
  import: Target
  require: Target
}

export interface Manifest {
  name: string
  tenon: { layer: number }
  exports: Record<string, string | Entry>
  publishConfig?: { exports?: Record<string, string | Entry> }
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

export interface Source {
  /** From the repository's root: 'packages/core/src/index.ts'. */
  file: string
  /** What the file imports in any way (static, type only, dynamic, re-exported), as it is written there. */
  imports: string[]
}

export interface Package {
  /** From the repository's root: 'packages/core'. */
  folder: string
  manifest: Manifest
  sources: Source[]
}

/** Every package of this workspace, with what its source files import. */
export function readWorkspace(): Package[] {
  return readdirSync(join(root, 'packages'))
    .map((name) => join('packages', name))
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest,
      sources: sourceFiles(join(folder, 'src')).map((file) => ({ file, imports: importsOf(file) })),
    }))
}

function sourceFiles(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

const importsOf = (file: string) =>
  ts.preProcessFile(readFileSync(join(root, file), 'utf8')).importedFiles.map((imported) => imported.fileName)

/** '@tenon/graph/onnx' is of '@tenon/graph'; undefined for what is not of this workspace. */
export const packageOf = (specifier: string) => /^@tenon\/[^/]+/.exec(specifier)?.[0]

/** The source file that an import stands for, or undefined when it is not one of this workspace. */
export function resolveImport(specifier: string, from: string, packages: Package[]): string | undefined {
  if (specifier.startsWith('.')) return join(dirname(from), specifier).replace(/\.js$/, '.ts')
  const owner = packages.find(({ manifest }) => manifest.name === packageOf(specifier))
  const entry = owner?.manifest.exports[specifier.replace(owner.manifest.name, '.')]
  if (!owner || typeof entry !== 'object' || !entry['tenon-source']) return undefined
  return join(owner.folder, entry['tenon-source'])
}
