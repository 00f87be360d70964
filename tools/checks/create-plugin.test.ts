import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { npm, registryProblem } from '../installs.mjs'
import { pack, publicPackages, type Packed } from '../pack.mjs'
import { root } from './consumers.js'

const run = promisify(execFile)
const kinds = ['backend', 'task', 'model', 'compressor', 'store']
const example = 'toy-plugin'
const timeout = 240_000

// What the templates depend on is listed where the command takes its versions from.
const { dependencies: own, devDependencies: theirs } = publicPackages().get('create-tenon-plugin')!.manifest as Record<string, Record<string, string>>
const packed: Map<string, Packed> = await pack(['create-tenon-plugin', ...Object.keys({ ...own, ...theirs }).filter((name) => name.startsWith('@tenon/'))])
const problem = await registryProblem()
if (problem !== undefined) console.warn(`No new plugin is built and tested, since the registry cannot be reached: ${problem}`)

// Outside this workspace, so that nothing is found in it by chance. One project, so that what all need is installed once.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tenon-plugins-')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const manifestOf = (plugin: string) => JSON.parse(readFileSync(join(folder, plugin, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>>

/** Runs the command as it is published: from its tarball. */
async function create(kind: string): Promise<void> {
  await run(process.execPath, [join(folder, 'node_modules/create-tenon-plugin/dist/bin.js'), `my-${kind}`, '--kind', kind], { cwd: folder })
}

/** A project whose workspaces are the plugins, and in which every package of ours is the tarball. */
function writeProject(dependencies: Record<string, string>, workspaces: readonly string[]): void {
  const tarballs = Object.fromEntries(Array.from(packed.values(), ({ name, tarball }) => [name, `file:${tarball}`]))
  const overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => dependencies[name] === undefined))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'plugins', private: true, dependencies: Object.fromEntries(Object.keys(dependencies).map((name) => [name, tarballs[name]])), workspaces, overrides }))
}

const install = () => npm(['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--fetch-timeout=60000'], folder)

/** All that a new plugin's README says, two plugins at a time: what failed, and what it said. */
const outcomes = new Map<string, Promise<readonly string[]>>()
async function work(plugin: string): Promise<readonly string[]> {
  const failures: string[] = []
  for (const script of ['build', 'typecheck', 'test']) await npm(['run', script], join(folder, plugin)).catch((error: Error & { stdout?: string }) => failures.push(`${script}: ${error.message}`))
  return failures
}

describe.skipIf(problem !== undefined)('a new plugin', () => {
  beforeAll(async () => {
    writeProject({ 'create-tenon-plugin': '' }, [])
    await install()
    for (const kind of kinds) await create(kind)
    cpSync(join(root, 'examples', example), join(folder, example), { recursive: true, filter: (path) => !/\/(node_modules|dist)$/.test(path) })
    writeProject({ 'create-tenon-plugin': '' }, [...kinds.map((kind) => `my-${kind}`), example])
    await install()
    const queue = [...kinds.map((kind) => `my-${kind}`), example]
    let free: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()]
    for (const plugin of queue) {
      const [next, other] = free as [Promise<unknown>, Promise<unknown>]
      const outcome = next.then(() => work(plugin))
      outcomes.set(plugin, outcome)
      free = [other, outcome]
    }
  }, timeout)

  it.each([...kinds.map((kind) => `my-${kind}`), example])('builds, type-checks, and passes its conformance suite: %s', { timeout }, async (plugin) => {
    expect(await outcomes.get(plugin)).toEqual([])
  })

  it.each([...kinds.map((kind) => `my-${kind}`), example])('is loaded by import and by require: %s', { timeout }, async (plugin) => {
    await outcomes.get(plugin)
    const script = `
      import { createRequire } from 'node:module'
      const require = createRequire(${JSON.stringify(join(folder, 'anywhere.js'))})
      const name = ${JSON.stringify(plugin === example ? 'tenon-toy-plugin' : plugin)}
      for (const module of [await import(name), require(name)]) {
        const made = Object.values(module).filter((each) => typeof each === 'function').map((make) => make())
        console.log(made.map(({ kind, version, name }) => [kind, version, name].join(' ')).join(', '))
      }`
    writeFileSync(join(folder, `load-${plugin}.mjs`), script)
    const { stdout } = await run(process.execPath, [join(folder, `load-${plugin}.mjs`)], { cwd: folder })
    const expected = plugin === example ? 'task v1 alike, model v1 bag-of-words, backend v1 toy' : `${plugin.slice(3)} v1 ${plugin}`
    expect(stdout.trim().split('\n')).toEqual([expected, expected])
  })

  it('depends on the versions that it was tested with', () => {
    for (const plugin of [...kinds.map((kind) => `my-${kind}`), example]) {
      const { dependencies, devDependencies } = manifestOf(plugin)
      const ranges = Object.entries({ ...dependencies, ...devDependencies })
      expect(ranges.filter(([, range]) => !/^\^\d+\.\d+\.\d+$/.test(range))).toEqual([])
      const ours = ranges.filter(([name]) => packed.has(name))
      expect(ours).toEqual(ours.map(([name]) => [name, `^${String(packed.get(name)!.manifest['version'])}`]))
    }
    expect(manifestOf(example).devDependencies['vitest']).toBe(manifestOf('my-backend').devDependencies['vitest'])
  })

  it('holds nothing but what is listed', () => {
    for (const kind of kinds) expect(readdirSync(join(folder, `my-${kind}`)).filter((name) => !['node_modules', 'dist'].includes(name)).toSorted()).toEqual(['.gitignore', 'README.md', 'package.json', 'src', 'tsconfig.json'])
  })
})
