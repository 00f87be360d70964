import { AUTO } from './auto.js'
import type { Backend } from './backend.js'
import type { Compressor } from './compressor.js'
import { DuplicatePluginError } from './errors/duplicate-plugin-error.js'
import { InvalidInputError } from './errors/invalid-input-error.js'
import { InvalidPluginError } from './errors/invalid-plugin-error.js'
import { kindOf } from './kind-of.js'
import { nearest } from './nearest.js'
import type { Model } from './model.js'
import type { Source } from './source.js'
import type { Task } from './task.js'

/** Whatever `createRuntime` takes. */
export type Plugin = Backend | Compressor | Model | Source | Task

/** The functions each kind must have. */
const members: Record<Plugin['kind'], readonly string[]> = {
  backend: ['probe', 'supports', 'compile'],
  compressor: ['pass'],
  model: ['build'],
  source: ['open'],
  task: ['create'],
}

/**
 * Checks a plugin when it is added, so that a mistake shows there and not in the middle of a run.
 * @throws InvalidPluginError
 */
function checkPlugin(plugin: unknown, position: number): asserts plugin is Plugin {
  const where = `plugins[${position}]`
  if (typeof plugin !== 'object' || plugin === null) {
    throw new InvalidPluginError({ plugin: where, problem: `is ${typeof plugin === 'function' ? 'a function' : kindOf(plugin)}`, remedy: 'Call the factory: plugins: [bert()], not [bert]' })
  }
  const { kind, name, version } = read(plugin, ['kind', 'name', 'version'], where) as Partial<Plugin>
  const required = kind !== undefined && Object.hasOwn(members, kind) ? members[kind] : undefined
  if (required === undefined || typeof name !== 'string' || name === '') {
    throw new InvalidPluginError({ plugin: where, problem: required !== undefined ? 'has no name' : kind === undefined ? 'has no kind' : `has the unknown kind '${String(kind)}'`, remedy: remedyOf(plugin, kind) })
  }
  const label = `The ${kind} '${name}'`
  if (version !== 'v1') {
    throw new InvalidPluginError({
      plugin: label,
      problem: `${version === undefined ? 'names no version of the contract' : `keeps contract '${String(version)}'`}, and this runtime reads 'v1'`,
      remedy: 'Install versions of the plugin and of @tenon/core that belong together',
    })
  }
  if (kind === 'backend' && name === AUTO) throw new InvalidPluginError({ plugin: label, problem: 'has the name that stands for the quickest of all backends', remedy: 'Give it another name' })
  const functions = read(plugin, required, label)
  const missing = required.filter((member) => typeof functions[member] !== 'function')
  if (missing.length > 0) {
    throw new InvalidPluginError({ plugin: label, problem: `lacks ${missing.map((member) => `${member}()`).join(', ')}`, remedy: `See the ${kind} contract in @tenon/core` })
  }
}

/** What is taken for a plugin most often, and is none. */
function remedyOf(plugin: object, kind: unknown): string {
  if (kind === 'store') return "Pass a store to the task that keeps passages in it: runtime.task('knowledge-base', { model, store })"
  if ('then' in plugin) return 'Await the promise, and pass what it gives'
  const kinds = Object.keys(members)
  const close = typeof kind === 'string' ? nearest(kind, kinds) : undefined
  return `${close === undefined ? '' : `Did you mean '${close}'? `}Give it a name and one of the kinds ${kinds.join(', ')}`
}

/** A getter may throw. */
function read(plugin: object, members: readonly string[], label: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    members.map((member) => {
      try {
        return [member, (plugin as Record<string, unknown>)[member]]
      } catch (error) {
        throw new InvalidPluginError({ plugin: label, problem: `fails when its '${member}' is read (${error instanceof Error ? error.message : String(error)})`, remedy: 'Make it a plain property, as the contracts in @tenon/core have it' })
      }
    }),
  )
}

/** The plugins, by kind and in the order they were passed. */
export interface PluginTable {
  readonly backends: readonly Backend[]
  readonly compressors: readonly Compressor[]
  readonly models: readonly Model[]
  readonly sources: readonly Source[]
  readonly tasks: readonly Task[]
}

/**
 * @throws InvalidInputError
 * @throws InvalidPluginError
 * @throws DuplicatePluginError when two of a kind share a name.
 */
export function tabulate(plugins: unknown): PluginTable {
  if (!Array.isArray(plugins)) throw new InvalidInputError({ what: 'the plugins', problem: `are ${kindOf(plugins)}`, remedy: 'pass a list: createRuntime({ plugins: [files(), onnx(), … ] })' })
  const seen = new Set<string>()
  const checked = plugins.map((plugin, position): Plugin => {
    checkPlugin(plugin, position)
    const key = `${plugin.kind} ${plugin.name}`
    if (seen.has(key)) throw new DuplicatePluginError(plugin)
    seen.add(key)
    return plugin
  })
  const ofKind = <K extends Plugin['kind']>(kind: K) => checked.filter((plugin): plugin is Extract<Plugin, { kind: K }> => plugin.kind === kind)
  return {
    backends: ofKind('backend'),
    compressors: ofKind('compressor'),
    models: ofKind('model'),
    sources: ofKind('source'),
    tasks: ofKind('task'),
  }
}
