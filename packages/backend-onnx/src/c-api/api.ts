import type * as koffiModule from 'koffi'

import { functions, releases, type Parameter } from './functions.js'
import { OrtError } from './ort-error.js'
import { slots } from './slots.js'

export type Koffi = typeof koffiModule

/** An address, as koffi gives it. */
export type Pointer = bigint

interface Values {
  pointer: Pointer | NodeJS.TypedArray | null
  size: number
  int: number
  bool: boolean
  text: string
}
type Arguments<P extends readonly Parameter[]> = { -readonly [I in keyof P]: Values[P[I]] }

interface Checked<A extends readonly unknown[]> {
  /** @throws OrtError when the status returned is not OK. */
  (...values: A): void
  /** The same on a thread of libuv's pool. What the arguments point to must stay alive until it settles. */
  async(...values: A): Promise<void>
}

export type OrtApi = { readonly [F in keyof typeof functions]: Checked<Arguments<(typeof functions)[F]>> } & {
  readonly [R in (typeof releases)[number]]: ((handle: Pointer) => void) & { async(handle: Pointer): Promise<void> }
}

export interface OrtLibrary {
  readonly koffi: Koffi
  readonly api: OrtApi
  readonly version: string
}

/** Version of the struct asked for: the first that holds every function used (load cancellation came with 1.22). */
const apiVersion = 22

const types: Record<Parameter, string> = { pointer: 'void *', size: 'size_t', int: 'int', bool: 'bool', text: 'str' }

/** koffi unloads a library once nothing refers to it, and the addresses read from its table refer to nothing. */
const loaded = new Set<ReturnType<Koffi['load']>>()

/**
 * Binds the C API of the library at `path`, which stays loaded as long as the process lives.
 * @throws Error when it cannot be loaded or is older than 1.22.
 */
export function bindApi(koffi: Koffi, path: string): OrtLibrary {
  const library = koffi.load(path)
  loaded.add(library)
  // struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(void); }
  const base: Pointer = library.func('OrtGetApiBase', 'void *', [])()
  const [getApi, getVersion] = koffi.decode(base, 'void *', 2) as [Pointer, Pointer]
  const version: string = koffi.call(getVersion, koffi.proto('str', []))
  const [major = 0, minor = 0] = version.split('.').map(Number)
  // Asked for a version it does not have, the library prints: look first.
  if (major < 1 || (major === 1 && minor < apiVersion)) throw new Error(`it is ONNX Runtime ${version}, and 1.${apiVersion} is the oldest that has all that is needed`)

  const struct: Pointer = koffi.call(getApi, koffi.proto('void *', ['uint32_t']), apiVersion)
  const table = koffi.decode(struct, 'void *', Math.max(...Object.values(slots)) + 1) as Pointer[]
  const native = (name: keyof typeof slots, result: string, parameters: readonly string[]) =>
    koffi.decode(table[slots[name]], koffi.proto(result, [...parameters])) as ReturnType<typeof library.func>

  const errorCode = native('GetErrorCode', 'int', ['void *'])
  const errorMessage = native('GetErrorMessage', 'str', ['void *'])
  const releaseStatus = native('ReleaseStatus', 'void', ['void *'])
  const check = (status: Pointer | null) => {
    if (status === null) return
    const error = new OrtError(errorCode(status), errorMessage(status))
    releaseStatus(status)
    throw error
  }

  const api: Record<string, unknown> = {}
  for (const [name, parameters] of Object.entries(functions) as [keyof typeof functions, readonly Parameter[]][]) {
    const call = native(name, 'void *', parameters.map((parameter) => types[parameter]))
    api[name] = Object.assign((...values: unknown[]) => check(call(...values)), {
      async: (...values: unknown[]) =>
        new Promise<Pointer | null>((resolve, reject) => {
          call.async(...values, (error: Error | null, status: Pointer | null) => (error ? reject(error) : resolve(status)))
        }).then(check),
    })
  }
  for (const name of releases) {
    const call = native(name, 'void', ['void *'])
    api[name] = Object.assign((handle: Pointer) => void call(handle), {
      async: (handle: Pointer) =>
        new Promise<void>((resolve, reject) => {
          call.async(handle, (error: Error | null) => (error ? reject(error) : resolve()))
        }),
    })
  }
  return { koffi, api: api as OrtApi, version }
}

/** Calls a function whose last parameter is a place for a handle, and returns what it wrote there. */
export function out(call: (place: BigUint64Array) => void): Pointer {
  const place = new BigUint64Array(1)
  call(place)
  return place[0] as Pointer
}
