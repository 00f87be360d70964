import { InvalidDeploymentError } from './errors/invalid-deployment-error.js'
import { jsonDuplicate } from './json-duplicate.js'

/**
 * A deployment whose content is known only at run time. `createRuntime` checks it against the plugins; to the type checker,
 * `never` fits whatever a deployment may hold.
 */
export interface ParsedDeployment {
  readonly roles?: Readonly<Record<string, never>>
  readonly default?: never
}

/**
 * Reads a deployment from JSON text. A key that stands there twice, such as one role with two backends, is an error here,
 * where `JSON.parse` keeps the last. What it says is checked when `createRuntime` gets it, and knows the plugins.
 * @example
 * const deployment = parseDeployment(await readFile('deployment.json', 'utf8'))
 * await using runtime = createRuntime({ plugins: [files(), onnx(), tfjs(), bert(), embedding()], deployment })
 * @throws InvalidDeploymentError
 */
export function parseDeployment(json: string): ParsedDeployment {
  if (typeof json !== 'string') throw new InvalidDeploymentError({ path: '', problem: 'is no text', remedy: 'Pass what readFile(path, "utf8") gives; an object goes to createRuntime as it is' })
  const text = json.replace(/^\uFEFF/, '')
  const parsed = parse(text)
  const twice = jsonDuplicate(text)
  if (twice !== undefined) {
    throw new InvalidDeploymentError({ path: pathOf(twice), problem: 'stands there twice', remedy: 'Keep one of the two; backends that are to be tried in order are a list: "backend": ["tfjs", "onnx"]' })
  }
  return parsed as ParsedDeployment
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidDeploymentError({ path: '', problem: `is no JSON: ${(error as Error).message}`, remedy: 'Pass the text of a JSON file: { "roles": { … } }', cause: error })
  }
}

/** `roles.embedding.backend[1]` */
const pathOf = (steps: readonly (string | number)[]): string =>
  steps.map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`)).join('')
