import { AUTO } from './auto.js'
import type { Backend } from './backend.js'
import { checkResult } from './check-plugin-result.js'
import type { Compressor, PrepareContext, RecallContext } from './compressor.js'
import { checkOptions, InvalidOptionError } from './errors/invalid-option-error.js'
import { NoSuchBackendError } from './errors/no-such-backend-error.js'
import { NoSuchCompressorError } from './errors/no-such-compressor-error.js'
import { keyOf } from './identity.js'
import type { Graphs } from './model.js'
import type { Pass } from './pass.js'

/** A plugin, and the user's options for it. */
export interface Chosen<T> {
  readonly plugin: T
  readonly options: Readonly<Record<string, unknown>>
}

/** A compressor that was chosen, ready to be applied. */
export interface ChosenCompressor {
  readonly pass: (role: string) => Pass
  readonly prepare?: (graphs: Graphs, context: PrepareContext) => Promise<Graphs>
  readonly recall?: (context: RecallContext) => Promise<Graphs | undefined>
  /** Equal for equal choices. */
  readonly key: string
}

/** What graphs may run on. */
export interface BackendChoice {
  /** In the order they are tried or measured. */
  readonly candidates: readonly Chosen<Backend>[]
  /** Where the quickest is to be found; otherwise the first that runs the graph is taken. */
  readonly auto?: { readonly milliseconds: number; readonly sizes: Readonly<Record<string, number>> }
  /** Where in the deployment it was made, if it was there. */
  readonly path?: string
}

/** Time for a candidate of `auto`: a CUDA context alone takes seconds. */
const PATIENCE = 10_000

const every = (plugins: readonly Backend[]): readonly Chosen<Backend>[] => plugins.map((plugin) => ({ plugin, options: {} }))

/** Where nobody chose: the first backend that is available. */
export const anyBackend = (plugins: readonly Backend[]): BackendChoice => ({ candidates: every(plugins) })

/**
 * Reads a choice of backend: a name, `{ name, …options }`, a list to try in order, or `'auto'`.
 * @throws NoSuchBackendError, InvalidOptionError
 */
export function chooseBackend(plugins: readonly Backend[], choice: unknown): BackendChoice {
  if (Array.isArray(choice)) return { candidates: chooseEach(plugins, choice, 'backend') }
  if (nameOf(choice) === AUTO) return chooseAuto(plugins, choice)
  return { candidates: [chooseOne(plugins, choice)] }
}

function chooseAuto(plugins: readonly Backend[], choice: unknown): BackendChoice {
  const { name, ...options } = typeof choice === 'object' ? (choice as Record<string, unknown>) : { name: choice }
  const where = `the backend '${String(name)}'`
  checkOptions(where, options, ['among', 'milliseconds', 'sizes'])
  const { among, milliseconds = PATIENCE, sizes = {} } = options
  if (among !== undefined && !Array.isArray(among)) throw new InvalidOptionError({ where, option: 'among', problem: 'is no list', remedy: "Pass backends as a task takes them: among: ['onnx', { name: 'tfjs', device: 'wasm' }]" })
  if (!(typeof milliseconds === 'number' && milliseconds > 0)) throw new InvalidOptionError({ where, option: 'milliseconds', problem: `is ${String(milliseconds)}`, remedy: 'Pass how long one candidate may take to compile and warm up' })
  if (typeof sizes !== 'object' || sizes === null || !Object.values(sizes).every((size) => Number.isInteger(size) && (size as number) > 0)) {
    throw new InvalidOptionError({ where, option: 'sizes', problem: 'is no record of positive integers', remedy: 'Pass the sizes to measure with: { batch: 8, sequence: 128 }' })
  }
  return { candidates: among === undefined ? every(plugins) : chooseEach(plugins, among, 'among'), auto: { milliseconds, sizes: sizes as Record<string, number> } }
}

function chooseEach(plugins: readonly Backend[], choices: readonly unknown[], option: string): readonly Chosen<Backend>[] {
  const refuse = (problem: string, remedy: string) => new InvalidOptionError({ where: 'a task', option, problem, remedy })
  if (choices.length === 0) throw refuse('is an empty list', 'Name a backend, or leave it out')
  const seen = new Set<string>()
  return choices.map((choice) => {
    if (nameOf(choice) === AUTO) throw refuse("holds 'auto' in a list", "Pass { name: 'auto', among: [ … ] } to have the quickest of several")
    const chosen = chooseOne(plugins, choice)
    const key = `${chosen.plugin.name} ${keyOf(chosen.options)}`
    if (seen.has(key)) throw refuse(`lists '${chosen.plugin.name}' twice alike`, 'List it once')
    seen.add(key)
    return chosen
  })
}

function chooseOne(plugins: readonly Backend[], choice: unknown): Chosen<Backend> {
  const chosen = choose(plugins, choice, NoSuchBackendError)
  chosen.plugin.check?.(chosen.options as never)
  return chosen
}

/**
 * Reads a choice of compressor.
 * @throws NoSuchCompressorError, and what the compressor says to its options.
 */
export function chooseCompressor(plugins: readonly Compressor[], choice: unknown): ChosenCompressor {
  const { plugin, options } = choose(plugins, choice, NoSuchCompressorError)
  plugin.pass(options as never, 'model') // options that it does not take are told before anything is opened
  return {
    pass: (role) => plugin.pass(options as never, role),
    ...(plugin.prepare && { prepare: async (graphs, context) => checkResult(plugin, 'prepare', await plugin.prepare!(graphs, options as never, context)) }),
    ...(plugin.recall && {
      recall: async (context) => {
        const graphs = await plugin.recall!(options as never, context)
        return graphs === undefined ? undefined : checkResult(plugin, 'recall', graphs)
      },
    }),
    key: `${plugin.name} ${keyOf(options)}`,
  }
}

const nameOf = (choice: unknown): unknown => (typeof choice === 'object' && choice !== null ? (choice as { name?: unknown }).name : choice)

function choose<T extends { readonly name: string }>(plugins: readonly T[], choice: unknown, NoSuch: new (fields: { name: string; available: readonly string[] }) => Error): Chosen<T> {
  const { name, ...options } = typeof choice === 'object' && choice !== null ? (choice as Readonly<Record<string, unknown>>) : { name: choice }
  const plugin = plugins.find((candidate) => candidate.name === name)
  if (plugin === undefined) throw new NoSuch({ name: name as string, available: plugins.map((candidate) => candidate.name) })
  return { plugin, options }
}
