import { chooseBackend, chooseCompressor, type BackendChoice, type ChosenCompressor } from './choose.js'
import { InvalidDeploymentError } from './errors/invalid-deployment-error.js'
import { InvalidOptionError } from './errors/invalid-option-error.js'
import { TenonError } from './errors/tenon-error.js'
import { listing, nearest } from './nearest.js'
import type { PluginTable } from './plugin.js'

/** What was chosen for a task, as far as something was. */
export interface Choices {
  readonly model?: string | URL | undefined
  readonly backend?: BackendChoice | undefined
  readonly compress?: ChosenCompressor | undefined
}

export interface Role extends Choices {
  readonly task: string
}

/** A deployment, held against the plugins. */
export interface CheckedDeployment {
  readonly roles: ReadonlyMap<string, Role>
  readonly default: Omit<Choices, 'model'>
}

/**
 * Holds a deployment against the plugins, whether the type checker saw it or not.
 * @throws InvalidDeploymentError
 */
export function checkDeployment(deployment: unknown, plugins: PluginTable): CheckedDeployment {
  if (deployment === undefined) return { roles: new Map(), default: {} }
  const { roles = {}, default: usual = {} } = record('', deployment, ['roles', 'default'])
  const checked = Object.entries(record('roles', roles)).map(([name, role]) => [name, checkRole(name, role, plugins)] as const)
  return { roles: new Map(checked), default: choices('default', record('default', usual, ['backend', 'compress']), plugins) }
}

function checkRole(name: string, value: unknown, plugins: PluginTable): Role {
  const path = `roles.${name}`
  const role = record(path, value, ['task', 'model', 'backend', 'compress'])
  const tasks = plugins.tasks.map((task) => task.name)
  const { task = name, model } = role
  if (typeof task !== 'string' || !tasks.includes(task)) {
    if (role['task'] !== undefined) throw new InvalidDeploymentError({ path: `${path}.task`, problem: `is ${show(task)}, which no plugin brings`, remedy: listing(task, tasks, 'task') })
    const remedy = nearest(name, tasks) === undefined ? `Say what it is for, "task": "${tasks[0] ?? '…'}", or call it by a task's name: ${tasks.join(', ') || 'no task plugin was passed'}` : listing(name, tasks, 'task')
    throw new InvalidDeploymentError({ path, problem: 'is no task that a plugin brings, and names none', remedy })
  }
  if (task !== name && tasks.includes(name)) throw new InvalidDeploymentError({ path: `${path}.task`, problem: `is '${task}', and the role has the name of another task`, remedy: 'Give the role another name' })
  if (model !== undefined && !(model instanceof URL) && (typeof model !== 'string' || model === '')) {
    throw new InvalidDeploymentError({ path: `${path}.model`, problem: `is ${show(model)}`, remedy: 'Name a folder, a package or a model of the hub' })
  }
  return { task, model, ...choices(path, role, plugins) }
}

function choices(path: string, { backend, compress }: Readonly<Record<string, unknown>>, { backends, compressors }: PluginTable): Omit<Choices, 'model'> {
  return {
    ...(backend !== undefined && { backend: { ...at(`${path}.backend`, backend, () => chooseBackend(backends, backend)), path: `${path}.backend` } }),
    ...(compress !== undefined && { compress: at(`${path}.compress`, compress, () => chooseCompressor(compressors, compress)) }),
  }
}

/** Says where in the deployment a choice was made that a task would have been refused for. */
function at<T>(path: string, choice: unknown, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!TenonError.isInstance(error)) throw error
    const option = error instanceof InvalidOptionError && isRecord(choice) && Object.hasOwn(choice, error.option) ? `.${error.option}` : ''
    const problem = error.message.slice(0, error.message.lastIndexOf(`. ${error.remedy}`))
    throw new InvalidDeploymentError({ path: path + option, problem: `is refused: ${problem}`, remedy: error.remedy, cause: error })
  }
}

/** An object with known keys only. */
function record(path: string, value: unknown, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new InvalidDeploymentError({ path, problem: `is ${show(value)}`, remedy: known === undefined ? 'Pass an object: { "embedding": { "backend": … } }' : `Pass an object with any of: ${known.join(', ')}` })
  const unknown = known === undefined ? undefined : Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return value
  const where = path === '' ? unknown : `${path}.${unknown}`
  if (unknown === 'backends' && value['backend'] !== undefined) {
    throw new InvalidDeploymentError({ path: where, problem: "stands beside 'backend', and there can be one choice of backend only", remedy: 'Keep one of the two; backends that are to be tried in order are a list: "backend": ["tfjs", "onnx"]' })
  }
  const close = nearest(unknown, known!)
  throw new InvalidDeploymentError({ path: where, problem: 'is unknown', remedy: `${close === undefined ? '' : `Did you mean '${close}'? `}Known are: ${known!.join(', ')}` })
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

const show = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : value === null ? 'null' : Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`)
