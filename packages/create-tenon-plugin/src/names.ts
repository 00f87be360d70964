import { builtinModules } from 'node:module'
import { basename, resolve } from 'node:path'
import { InvalidNameError } from './errors/invalid-name-error.js'
import { kindNames, type Kind } from './kinds.js'

/** What a plugin is called, in each place that has a name. */
export interface Names {
  /** The npm package: `'@acme/tenon-backend-abacus'`. */
  readonly package: string
  /** The plugin, as `createRuntime` knows it: `'abacus'`. */
  readonly plugin: string
  /** Its factory: `abacus`. */
  readonly function: string
  /** What its types begin with: `Abacus`. */
  readonly type: string
}

/** The package's name, and where it goes: `'@acme/abacus'` into `abacus`; a path is taken as it is. */
export function placeOf(argument: string, from: string): { readonly name: string; readonly folder: string } {
  const isScoped = /^@[^/\\]+\/[^/\\]+$/.test(argument)
  const folder = resolve(from, isScoped ? argument.slice(argument.indexOf('/') + 1) : argument)
  return { name: isScoped ? argument : basename(folder), folder }
}

/** npm's grammar. */
const grammar = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/
const LONGEST = 214 // npm's limit

/** @throws InvalidNameError */
function checkPackageName(name: string): void {
  const tidy = name.toLowerCase().replaceAll(/[^a-z0-9@/]+/g, '-').replaceAll(/(^|\/)-+|-+$/g, '$1')
  const remedy = grammar.test(tidy) && tidy !== name ? `How about '${tidy}'?` : "Choose a name such as 'tenon-backend-abacus'"
  const complain = (problem: string): never => {
    throw new InvalidNameError({ name, problem, remedy: remedy.replace(/\?$/, '') })
  }
  if (name.length > LONGEST) complain(`it has ${name.length} characters, and npm allows ${LONGEST}`)
  if (!grammar.test(name)) complain('npm takes lower-case letters, digits, and - . _ ~ after the first character')
  if (builtinModules.includes(name) || name === 'node_modules' || name === 'favicon.ico') complain('it is taken by Node.js itself')
}

/** The words before what is meant: `tenon-backend-abacus` is about `abacus`. */
const before = new RegExp(`^(tenon-)?((${[...kindNames, 'plugin'].join('|')})-)?`)

/**
 * All names that follow from the package's.
 * @param isTaken Whether an identifier has a meaning in the plugin's code already.
 * @throws InvalidNameError
 */
export function namesOf(name: string, kind: Kind, isTaken: (identifier: string) => boolean): Names {
  checkPackageName(name)
  const last = name.slice(name.indexOf('/') + 1)
  const plugin = last.replace(before, '') || last
  const words = plugin.split(/[^a-z0-9]+/).filter((word) => word !== '')
  const pascal = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  const suffix = kind[0]!.toUpperCase() + kind.slice(1)
  const camel = pascal === '' || /^\d/.test(pascal) ? `${kind}${pascal}` : pascal[0]!.toLowerCase() + pascal.slice(1)
  const unused = (identifier: string): string => (isTaken(identifier) || reserved.has(identifier) ? unused(`${identifier}${suffix}`) : identifier)
  return { package: name, plugin, function: unused(camel), type: unused(camel[0]!.toUpperCase() + camel.slice(1)) }
}

const reserved = new Set(
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield'.split(' '),
)
