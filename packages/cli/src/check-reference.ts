import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TenonError } from '@tenon/core'

/** A path by how it is written: `./x`, `/x`, `~/x`, `C:\x`. */
const PATH = /^(?:\.{0,2}[\\/]|\.{1,2}$|~(?:[\\/]|$)|[a-z]:[\\/])/i

/** Names of the hub end with a version, as `Qwen2.5` does, and not like this. */
const FILE = /\.(?!gguf$)[a-z]\w*$/i

/**
 * That a reference that is a path by its look, or names a file, leads to a model: the hub is not asked for it, and the error says
 * what stands at that path. Other references are left to the sources.
 * @throws TenonError
 */
export async function checkReference(reference: string): Promise<void> {
  if (reference.startsWith('file:')) return
  const path = resolve(reference)
  const found = await stat(path).catch(() => undefined)
  const isPath = PATH.test(reference) || (found?.isFile() === true && FILE.test(reference)) || isAbsentGguf(reference, path)
  if (!isPath) return
  if (found === undefined) throw notFound(reference.startsWith('~') ? `There is nothing at ${reference}: within quotes, ~ is not the home folder` : `There is nothing at ${path}`, 'Check the path')
  if (found.isDirectory()) return await checkFolder(path)
  if (!/\.gguf$/i.test(path)) throw notFound(`${path} is a file, and no model`, remedyFor(path))
}

/** A .gguf file that is not there, in a folder that is: names of the hub are owner/name. */
const isAbsentGguf = (reference: string, path: string): boolean => /\.gguf$/i.test(reference) && !existsSync(path) && (!/[\\/]/.test(reference) || existsSync(dirname(path)))

async function checkFolder(path: string): Promise<void> {
  const names = await readdir(path)
  if (names.includes('config.json') || names.some((name) => /\.gguf$/i.test(name))) return
  throw notFound(`The folder ${path} holds no model: ${names.length === 0 ? 'it is empty' : 'there is no config.json and no .gguf file'}`, 'Name the folder that holds config.json and the weights, or a .gguf file')
}

function remedyFor(path: string): string {
  if (/\.(?:safetensors|json|bin)$/i.test(path)) return `Name the folder that it lies in: ${dirname(path)}`
  return 'Name a folder with config.json and weights, or a .gguf file'
}

const notFound = (message: string, remedy: string): TenonError => new TenonError({ code: 'TENON_MODEL_NOT_FOUND', message, remedy })
