import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join } from 'node:path'

import { BackendUnavailableError } from '@tenon/core'

/** Where ONNX Runtime is found, when not where npm put it. */
export interface OnnxruntimeLocation {
  /** The package `onnxruntime-node`, by name or by its folder's absolute path. */
  readonly package?: string
  /** The shared library (`libonnxruntime.so.1`, `libonnxruntime.1.dylib`, `onnxruntime.dll`), when not the package's own. */
  readonly library?: string
}

export interface Installation {
  /** What `require` takes to load the package. */
  readonly entry: string
  /** The shared library; it need not exist. */
  readonly library: string
}

const minimum = '1.22'
const fileNames: Partial<Record<NodeJS.Platform, string>> = { linux: 'libonnxruntime.so.1', darwin: 'libonnxruntime.1.dylib', win32: 'onnxruntime.dll' }

/**
 * Finds onnxruntime-node and the shared library in it, without loading either.
 * @throws BackendUnavailableError
 */
export function findInstallation(location: OnnxruntimeLocation = {}): Installation {
  const name = location.package ?? 'onnxruntime-node'
  // A bundle in CommonJS has no import.meta.url: the package is then looked for from the program that was started.
  const require = createRequire(import.meta.url ?? process.argv[1] ?? join(process.cwd(), 'here'))
  let entry: string
  let folder: string
  try {
    entry = require.resolve(name)
    folder = join(require.resolve(isAbsolute(name) ? join(name, 'package.json') : `${name}/package.json`), '..')
  } catch (error) {
    throw new BackendUnavailableError({
      backend: 'onnx',
      reason: `the package '${name}' is not installed`,
      remedy: `Install onnxruntime-node ≥ ${minimum}, or choose another backend`,
      cause: error,
    })
  }
  return { entry, library: location.library ?? sharedLibrary(folder) }
}

/** The package keeps its builds in bin/napi-v<n>/<platform>/<arch>. */
function sharedLibrary(folder: string): string {
  const bin = join(folder, 'bin')
  const builds = existsSync(bin) ? readdirSync(bin).filter((name) => name.startsWith('napi-v')) : []
  const name = fileNames[process.platform] ?? 'libonnxruntime.so.1'
  const paths = builds.map((build) => join(bin, build, process.platform, process.arch, name))
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? join(bin, name)
}
