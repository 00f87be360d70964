import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { install, registryProblem, type Project } from '../installs.mjs'
import { pack, type Packed } from '../pack.mjs'
import { comesAlong } from '../sizes.mjs'
import { consumers, diagnosticsIn, root, valueNames } from './consumers.js'

const run = promisify(execFile)
const packed = await pack()
const problem = await registryProblem()
if (problem !== undefined) console.warn(`No package is installed alone, since the registry cannot be reached: ${problem}`)

const projects = new Map<string, Promise<Project>>()

/** A project with this package alone. The next one's is made meanwhile, so that what is checked here waits little. */
function projectOf(name: string): Promise<Project> {
  const names = [...packed.keys()]
  for (const wanted of names.slice(names.indexOf(name), names.indexOf(name) + 2)) {
    if (projects.has(wanted)) continue
    const project = install(packed, [wanted])
    project.catch(() => {})
    projects.set(wanted, project)
  }
  return projects.get(name)!
}

afterAll(async () => {
  for (const result of await Promise.allSettled(projects.values())) if (result.status === 'fulfilled') result.value.remove()
}, 120_000)

/** What a package lets others import, without './package.json'. */
function subpathsOf({ name, manifest }: Packed): string[] {
  return Object.keys(manifest.exports as object).filter((path) => path !== './package.json').map((path) => name + path.slice(1))
}

const all = [...packed.values()]
const timeout = 120_000

describe.skipIf(problem !== undefined)('alone in an empty project', () => {
  it.each(all.filter((one) => subpathsOf(one).length > 0))('$name gives the same names to import, to require and to TypeScript', { timeout }, async (one) => {
    const specifiers = subpathsOf(one)
    const { folder } = await projectOf(one.name)
    writeFileSync(join(folder, 'names.mjs'), NAMES)
    const { stdout } = await run(process.execPath, ['names.mjs', ...specifiers], { cwd: folder })
    const { imported, required, effects } = JSON.parse(stdout) as Record<'imported' | 'required', Record<string, string[]>> & { effects: string[] }
    expect(required).toEqual(imported)
    // What package.json says with "sideEffects": false.
    expect(effects).toEqual([])
    expect(specifiers.filter((specifier) => imported[specifier]!.length === 0)).toEqual([])
    for (const program of consumers(folder, specifiers)) {
      expect(diagnosticsIn(program)).toEqual([])
      expect(valueNames(program, specifiers)).toEqual(imported)
    }
  })

  it.each(all.filter((one) => one.manifest.bin !== undefined))('$name starts its commands', { timeout }, async ({ name, manifest }) => {
    const { folder } = await projectOf(name)
    const bin = manifest.bin as string | Record<string, string>
    for (const command of typeof bin === 'string' ? [name.split('/').pop()!] : Object.keys(bin)) {
      const { stdout } = await run(join(folder, 'node_modules', '.bin', command), ['--help'], { cwd: folder, shell: process.platform === 'win32' })
      expect(stdout).toContain(command.replace(/^create-/, '')) // as npm is told: npm create tenon-plugin
    }
  })

  it.each(all)('$name brings nothing it was not asked for', { timeout }, async (one) => {
    const { packages } = await projectOf(one.name)
    const listed = listedFor(one.name)
    expect(comesAlong(one, packages)).toEqual(listed)
    // What those bring along is theirs to choose, but no second runtime and no second binding.
    const heavy = packages.map(({ name }) => name).filter((name) => /^(@tensorflow\/|onnxruntime-|sharp$|koffi$|tokenizers$|pg$)/.test(name))
    expect(heavy.filter((name) => !listed.others.includes(name) && name !== 'onnxruntime-common')).toEqual([])
  })

  it.each(all)('$name runs no script while it is installed, and asks for the Node it needs', { timeout }, async ({ name }) => {
    const manifest = JSON.parse(readFileSync(join((await projectOf(name)).folder, 'node_modules', name, 'package.json'), 'utf8')) as Packed['manifest']
    const scripts = Object.keys((manifest.scripts ?? {}) as object)
    expect(scripts.filter((script) => /^(pre|post)?(install|prepare|uninstall)$|^dependencies$/.test(script))).toEqual([])
    expect(manifest.engines).toEqual({ node: '>=20.19' })
    expect(JSON.stringify({ ...manifest, devDependencies: undefined })).not.toMatch(/"(workspace|catalog|file|link):|tenon-source/)
  })

  it.each(all)('$name holds what it uses, its licence, and nothing else', { timeout }, async ({ name, manifest }) => {
    const folder = join((await projectOf(name)).folder, 'node_modules', name)
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    const relative = files.map((file) => file.slice(folder.length + 1).replaceAll('\\', '/'))
    expect(relative).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
    // A template is a package of its own, with tests.
    expect(relative.filter((file) => !file.startsWith('templates/') && /(^|\/)(node_modules|testdata|__tests__|\.reports)\/|\.(test|test-d|spec)\.|\.tsbuildinfo$|^src\/|^test-/.test(file))).toEqual([])
    expect(unused(folder, files, manifest)).toEqual([])
    expect(files.filter((file) => file.endsWith('.map')).flatMap((file) => danglingSources(file))).toEqual([])
    // Where it was built is nobody's business, and wrong on every other machine.
    expect(files.filter((file) => /\.(js|cjs|map|ts|cts|json|md)$/.test(file) && readFileSync(file, 'utf8').includes(root.slice(0, -1)))).toEqual([])
  })
})

/** Imports and requires what it is given, and prints the names of both, and what in the process that has changed. */
const NAMES = `
import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
const names = (module) => Object.keys(module).filter((name) => name !== 'default' && name !== 'module.exports').sort()
const shared = () => [
  ...Object.getOwnPropertyNames(globalThis),
  ...[Object, Array, Map, Promise, Uint8Array, Symbol].flatMap((one) => [...Object.getOwnPropertyNames(one), ...Object.getOwnPropertyNames(one.prototype)].map((name) => one.name + '.' + name)),
  ...process.eventNames().map((name) => 'process on ' + String(name)),
  ...process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|Request/.test(kind)),
]
const before = new Set(shared())
const imported = {}
const required = {}
for (const specifier of process.argv.slice(2)) {
  imported[specifier] = names(await import(specifier))
  required[specifier] = names(require(specifier))
}
require(process.argv[2].split('/').slice(0, process.argv[2].startsWith('@') ? 2 : 1).join('/') + '/package.json')
process.stdout.write(JSON.stringify({ imported, required, effects: shared().filter((one) => !before.has(one)) }), () => process.exit())
`

interface Listed {
  readonly ours: string[]
  readonly others: string[]
}

/** What docs/installed-sizes.md says comes along. */
function listedFor(name: string): Listed {
  const row = readFileSync(join(root, 'docs/installed-sizes.md'), 'utf8').split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
  const [ours, others] = (row?.split('|').slice(2, 4) ?? ['not listed: npm run sizes', '']).map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!))
  return { ours: ours!.map((short) => `@tenon/${short}`), others: others! }
}

/** Files of `dist` that nothing leads to from what can be imported or started, such as chunks of an older build. */
function unused(folder: string, files: readonly string[], manifest: Packed['manifest']): string[] {
  const targets = (value: unknown): string[] => (typeof value === 'string' ? [value] : value && typeof value === 'object' ? Object.values(value).flatMap(targets) : [])
  const reached = new Set([...targets(manifest.publishConfig?.exports ?? manifest.exports), ...targets(manifest.bin)].map((path) => join(folder, path)))
  for (const file of reached) {
    if (!/\.[cm]?[jt]s$/.test(file) || !existsSync(file)) continue
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:["']|sourceMappingURL=)(\.{0,2}\/?[\w./-]+\.(?:c?js|c?ts|map))\b/g)) {
      const path = join(dirname(file), specifier!)
      reached.add(path)
      // Declarations name the program's file; TypeScript reads the declarations beside it.
      if (/\.d\.c?ts$/.test(file)) reached.add(path.replace(/\.(c?)js$/, '.d.$1ts'))
    }
  }
  return files.filter((file) => file.startsWith(join(folder, 'dist')) && !reached.has(file)).map((file) => file.slice(folder.length + 1))
}

/** Sources that a map names and neither holds nor has beside it. */
function danglingSources(map: string): string[] {
  const { sources, sourcesContent = [] } = JSON.parse(readFileSync(map, 'utf8')) as { sources: string[]; sourcesContent?: (string | null)[] }
  return sources.filter((source, index) => typeof sourcesContent[index] !== 'string' && !existsSync(join(dirname(map), source))).map((source) => `${map}: ${source}`)
}
