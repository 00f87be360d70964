import { readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { checkOptions, InvalidFileError, type Source } from '@tenon/core'
import { openFolder } from './folder.js'
import { isGguf } from './gguf/gguf-names.js'
import { isRecord, parseJson } from './json.js'
import type { NativeTokenizers } from './native-tokenizers.js'
import { readText } from './read-text.js'
import { checkVariant, type Variant } from './variants.js'

export interface FilesOptions {
  /** Folder or `file:` URL from which npm packages are resolved. Default: the working directory, then this package. */
  readonly from?: string | URL
  /** Which exported graph or GGUF file stands for the model, even where there are weights. Default: the weights, else the most exact graph. */
  readonly variant?: Variant
  /** Whether the weights of GGUF files become the floats they stand for, exactly, rather than stay in blocks: slower, and up to eight times the memory. Default false. */
  readonly dequantize?: boolean
  /** The `tokenizers` package, to use another build of it. */
  readonly tokenizers?: NativeTokenizers
  /**
   * The folder where vocabularies are kept in the form in which another thread reads them, the next time, or `false` to keep none.
   * Default: `TENON_CACHE`, or the user's cache folder.
   */
  readonly tokenizerCache?: string | URL | false
}

/** npm's grammar of names, without the length and reserved names that cannot be installed anyway. */
const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/

/**
 * The source that reads what is on this machine: a folder or a `.gguf` file (absolute, relative to the working directory,
 * or a `file:` URL), or an installed npm package that holds a model. Such a package has a config.json beside its package.json, or
 * says `"tenon": { "model": "./model" }` there. Nothing is fetched.
 *
 * A reference that is neither gives `{ notFound }`. `open` throws what `openFolder` throws.
 * @throws InvalidOptionError
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding()] })
 */
export function files(options: FilesOptions = {}): Source<'files'> {
  checkOptions('files', options, ['from', 'variant', 'dequantize', 'tokenizers', 'tokenizerCache'])
  const { from, variant, dequantize, tokenizers, tokenizerCache } = options
  checkVariant('files', variant)
  return {
    kind: 'source',
    version: 'v1',
    name: 'files',
    async open(reference, { emit, signal, tokenizer }) {
      const found = await locate(reference, from)
      return 'directory' in found ? openFolder(found.directory, { reference, variant, dequantize, emit, tokenizers, tokenizerCache, tokenizer, signal }) : found
    },
  }
}

/** `directory` may be a `.gguf` file. */
type Located = { readonly directory: string } | { readonly notFound: string }

async function locate(reference: string, from: string | URL | undefined): Promise<Located> {
  const isUrl = reference.startsWith('file:')
  const folder = isUrl ? fromUrl(reference) : resolve(reference)
  if (folder === undefined || reference === '') return { notFound: `'${reference}' names no folder` }
  if (isGguf(folder) && (await isFile(folder))) return { directory: folder }
  const noFolder = `there is no ${isGguf(folder) ? 'file' : 'folder'} ${folder}`
  if (isUrl || isAbsolute(reference) || /^\.{1,2}([\\/]|$)/.test(reference))
    return (await isFolder(folder)) ? { directory: folder } : { notFound: noFolder }

  // A bare word may be a folder or a package: a folder counts when it holds a model.
  if ((await isFile(join(folder, 'config.json'))) || (await holdsGguf(folder))) return { directory: folder }
  const why = (await isFolder(folder)) ? `the folder ${folder} holds no config.json and no .gguf file` : noFolder
  if (!packageName.test(reference)) return { notFound: why }
  const starts =
    from === undefined ? [pathToFileURL(join(process.cwd(), 'here')), own()] : [startOf(from)]
  for (const start of starts) {
    const directory = await packageFolder(reference, start)
    if (directory !== undefined) return modelOf(directory)
  }
  return { notFound: `${why}, and no npm package of this name is installed` }
}

const isFolder = (path: string) =>
  stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
const isFile = (path: string) =>
  stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )

const holdsGguf = (folder: string) =>
  readdir(folder).then(
    (files) => files.some(isGguf),
    () => false,
  )

function fromUrl(url: string | URL): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined // another host, or an encoded slash
  }
}

/** This file, or the program that was started: a bundle in CommonJS has no import.meta.url. */
const own = () => (import.meta.url === undefined ? pathToFileURL(process.argv[1] ?? join(process.cwd(), 'here')) : new URL(import.meta.url))

/** A file in the folder, for Node's resolution starts beside a file. */
function startOf(from: string | URL): URL {
  const folder = from instanceof URL || from.startsWith('file:') ? fromUrl(from) : resolve(from)
  return pathToFileURL(join(folder ?? process.cwd(), 'here'))
}

/**
 * The package's folder by Node's rules: the nearest node_modules upwards. Looked up by hand since `exports` may hide
 * package.json.
 */
async function packageFolder(name: string, start: URL): Promise<string | undefined> {
  const require = createRequire(start)
  for (const modules of require.resolve.paths(name) ?? []) {
    if (await isFile(join(modules, name, 'package.json'))) return join(modules, name)
  }
  try {
    return dirname(require.resolve(`${name}/package.json`)) // Yarn's Plug'n'Play has no node_modules and answers here
  } catch {
    return undefined
  }
}

/** The folder of a package that holds the model, if it is a model package. */
async function modelOf(directory: string): Promise<Located> {
  const path = join(directory, 'package.json')
  const manifest = parseJson(path, (await readText(path)) ?? '')
  const tenon = isRecord(manifest) ? manifest.tenon : undefined
  const model = isRecord(tenon) ? tenon.model : undefined
  if (model === undefined) {
    if ((await isFile(join(directory, 'config.json'))) || (await holdsGguf(directory))) return { directory }
    return {
      notFound: `the npm package ${directory} holds no config.json, and its package.json names no "tenon": { "model": "./folder" }`,
    }
  }
  if (typeof model !== 'string' || isAbsolute(model) || model.split(/[\\/]/).includes('..'))
    throw new InvalidFileError({
      path,
      problem: `names ${JSON.stringify(model)} as its model's folder`,
      remedy: 'Name a folder inside the package, such as "./model"',
    })
  return { directory: join(directory, model) }
}
