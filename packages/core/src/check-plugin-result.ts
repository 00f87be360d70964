import { InvalidPluginError } from './errors/invalid-plugin-error.js'
import type { Plugin } from './plugin.js'

/** What each function of a plugin has to give, by names of members and their types. */
const expected = {
  open: { config: 'object', constants: 'object', files: 'object', path: 'function', json: 'function', tokenizer: 'function', [Symbol.asyncDispose]: 'function' },
  compile: { inputs: 'object', outputs: 'object', run: 'function', place: 'function', [Symbol.asyncDispose]: 'function' },
  pass: { name: 'string', apply: 'function' },
  build: {},
  prepare: {},
  recall: {},
} as const

/**
 * Checks what a plugin gave, so that a mistake is told with the plugin's name and not as a property of undefined. What has to
 * be freed is.
 * @throws InvalidPluginError
 */
export async function checkResult<T>({ kind, name }: Pick<Plugin, 'kind' | 'name'>, member: keyof typeof expected, result: T): Promise<T> {
  const members: Readonly<Record<PropertyKey, string>> = expected[member]
  const isObject = typeof result === 'object' && result !== null
  const wrong = Reflect.ownKeys(members).find((key) => !isObject || typeof (result as Record<PropertyKey, unknown>)[key] !== members[key])
  if (isObject && wrong === undefined) return result
  const free = isObject ? (result as unknown as Partial<AsyncDisposable>)[Symbol.asyncDispose] : undefined
  if (typeof free === 'function') await free.call(result as AsyncDisposable)
  const label = typeof wrong === 'symbol' ? '[Symbol.asyncDispose]' : String(wrong)
  const gave = isObject ? `something without ${members[wrong!] === 'function' ? `${label}()` : label}` : result === null ? 'null' : `a value of type ${typeof result}`
  throw new InvalidPluginError({ plugin: `The ${kind} '${name}'`, problem: `gave ${gave} where ${member}() was called`, remedy: `See the ${kind} contract in @tenon/core, or install a version of the plugin that keeps it` })
}
