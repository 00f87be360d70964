import { relative } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { parseArgs } from 'node:util'
import { nearest, TenonError } from '@tenon/core'
import picocolors from 'picocolors'
import { askKind, askName } from './ask.js'
import { create, type Created } from './create.js'
import { UsageError } from './errors/usage-error.js'
import { isKind, kindNames, kinds, type Kind } from './kinds.js'

type Output = Writable & { readonly isTTY?: boolean }

/** All that the command touches of the outside; a test passes its own. */
export interface Surroundings {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

/** As those of the command `tenon`. */
const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Makes a plugin and resolves with the exit code. Never throws. */
export async function main(surroundings: Surroundings): Promise<number> {
  const { argv, stdout, stderr, env } = surroundings
  const json = argv.includes('--json')
  try {
    const { values, positionals } = parse(argv)
    if (values.help) {
      stdout.write(help(colorsOf(stdout, env)))
      return exitCodes.done
    }
    const created = await create(await nameOf(positionals, surroundings, json), await kindOf(values.kind, surroundings, json), surroundings.cwd)
    stdout.write(json ? asJson(created) : asText(created, surroundings))
    return exitCodes.done
  } catch (error) {
    const { code, message, remedy } = describe(error)
    const { red } = colorsOf(stderr, env)
    if (json) stdout.write(`${JSON.stringify({ error: { code, message, remedy } }, null, 2)}\n`)
    else stderr.write(`${red(`error ${code}`)} ${message}\n  ${remedy}\n`)
    return code === 'TENON_ABORTED' ? exitCodes.interrupted : ['TENON_USAGE', 'TENON_INVALID_NAME'].includes(code) ? exitCodes.usage : exitCodes.failed
  }
}

/** @throws UsageError */
function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: { kind: { type: 'string', short: 'k' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  } catch (error) {
    throw new UsageError({ message: (error as Error).message.split('. ')[0]!, remedy: 'Run it with --help to see how it is used' })
  }
}

const canAsk = ({ stdin, stdout }: Surroundings, json: boolean): boolean => stdin.isTTY === true && stdout.isTTY === true && !json

async function nameOf([name, ...more]: readonly string[], surroundings: Surroundings, json: boolean): Promise<string> {
  if (more.length > 0) throw new UsageError({ message: `One name is needed, and there are ${more.length + 1}: ${[name, ...more].join(', ')}`, remedy: 'Write the name of one plugin' })
  if (name !== undefined) return name
  if (canAsk(surroundings, json)) return askName(surroundings)
  throw new UsageError({ message: 'The plugin has no name', remedy: 'Name it: npm create tenon-plugin my-plugin -- --kind backend' })
}

async function kindOf(kind: string | undefined, surroundings: Surroundings, json: boolean): Promise<Kind> {
  if (kind !== undefined && isKind(kind)) return kind
  const close = kind === undefined ? undefined : nearest(kind, kindNames)
  if (kind === undefined && canAsk(surroundings, json)) return askKind(surroundings)
  // npm keeps options for itself that stand before a --.
  const remedy = close === undefined ? `Write -- --kind and one of: ${kindNames.join(', ')}` : `Did you mean '${close}'? There are: ${kindNames.join(', ')}`
  throw new UsageError({ message: kind === undefined ? 'Nothing says which kind of plugin it is to be' : `There is no kind '${kind}' of plugins`, remedy })
}

/** Splits an error into what happened and what to do. */
function describe(error: unknown): { readonly code: string; readonly message: string; readonly remedy: string } {
  if (TenonError.isInstance(error)) {
    const { code, remedy } = error
    return { code, message: error.message.slice(0, error.message.lastIndexOf(`. ${remedy}`)), remedy }
  }
  const { code, message } = error as NodeJS.ErrnoException
  if (code !== undefined) return { code, message: message.replace(`${code}: `, ''), remedy: 'Ask for the right to write there, or choose another folder' }
  return { code: 'TENON_UNEXPECTED', message: error instanceof Error ? error.message : String(error), remedy: 'This is a mistake in create-tenon-plugin: report it' }
}

/** https://no-color.org and https://force-color.org; otherwise a terminal has colours and nothing else has. */
function colorsOf(stream: Output, env: Surroundings['env']) {
  const forced = env['FORCE_COLOR'] ? env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false' : undefined
  return picocolors.createColors(env['NO_COLOR'] ? false : (forced ?? (stream.isTTY === true && env['TERM'] !== 'dumb')))
}

const steps = ['npm install', 'npm run build', 'npm test']

const asJson = ({ kind, names, folder, files }: Created): string => `${JSON.stringify({ folder, kind, package: names.package, plugin: names.plugin, function: names.function, files, next: steps }, null, 2)}\n`

function asText({ kind, names, folder, files }: Created, { cwd, stdout, env }: Surroundings): string {
  const { bold, cyan, dim, green } = colorsOf(stdout, env)
  const place = relative(cwd, folder)
  const lines = [
    `${green('Made')} ${bold(names.package)}: the ${kind} ${bold(`'${names.plugin}'`)} in one file, ${files.find((file) => /^src\/index\.ts$/.test(file))}`,
    '',
    ...[...(place === '' ? [] : [`cd ${place}`]), ...steps].map((step) => `  ${cyan(step)}`),
    '',
    dim(`Its README.md says what the contract asks of a ${kind} and how it is used.`),
  ]
  return `${lines.join('\n')}\n`
}

function help({ bold, dim }: ReturnType<typeof colorsOf>): string {
  return `${bold('npm create tenon-plugin')} ${dim('<name> -- --kind <kind>')}

Makes a plugin for Tenon that builds, tests and passes its conformance suite at once. <name> is the
name of an npm package (@you/tenon-backend-abacus), or a path whose last part is one. Other package
managers: pnpm create tenon-plugin, yarn create tenon-plugin, npx create-tenon-plugin.

${bold('Kinds')}
${kindNames.map((name) => `  ${name.padEnd(12)}${kinds[name]}`).join('\n')}

${bold('Options')}
  --kind, -k  one of them; asked for on a terminal
  --json      says what was made as JSON, and asks nothing
  --help, -h  this
`
}
