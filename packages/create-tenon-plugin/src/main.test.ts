import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { kindNames, type Kind } from './kinds.js'
import { main } from './main.js'

async function workingFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'create-tenon-plugin-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

/** What a command writes to. */
function sink(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY })
  return Object.assign(stream, { text: () => String(stream.read() ?? '') })
}

interface Given {
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** What is typed at the terminal; without it, there is none. */
  readonly typed?: readonly string[]
}

async function run(argv: readonly string[], { cwd, env = {}, typed }: Given = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: typed !== undefined })
  const [stdout, stderr] = [sink(typed !== undefined), sink(false)]
  // One line for each question, which a terminal may draw more than once.
  const lines = [...(typed ?? [])]
  let answering: NodeJS.Immediate | undefined
  const answer = () => {
    answering = undefined
    const line = lines.shift()
    if (line === undefined) stdin.end()
    else stdin.write(`${line}\n`)
  }
  const write = stdout.write.bind(stdout)
  stdout.write = ((text: string) => {
    if (text.endsWith(': ')) answering ??= setImmediate(answer)
    return write(text)
  }) as typeof stdout.write
  const folder = cwd ?? (await workingFolder())
  const code = await main({ argv, cwd: folder, stdin, stdout, stderr, env })
  return { code, folder, out: stdout.text(), err: stderr.text() }
}

/** All files of a folder, by their paths. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const)))
}

describe.each(kindNames)('a new %s', (kind) => {
  it('has all its names in their places', async () => {
    const { code, folder, out } = await run([`@acme/tenon-${kind}-abacus`, '--kind', kind])
    expect(code).toBe(0)
    expect(out).toContain(`cd tenon-${kind}-abacus`)
    const files = await filesOf(join(folder, `tenon-${kind}-abacus`))
    expect([...files.keys()].toSorted()).toEqual(['.gitignore', 'README.md', 'package.json', 'src/index.test.ts', 'src/index.ts', 'tsconfig.json'])
    for (const text of files.values()) expect(text).not.toMatch(/plugin-package|plugin-name|pluginFunction|PluginType/)
    expect(files.get('src/index.ts')).toContain('export function abacus(')
    expect(files.get('src/index.ts')).toContain("'abacus'")
    expect(files.get('src/index.test.ts')).toContain("import { abacus } from './index.js'")
    expect(JSON.parse(files.get('package.json')!)).toMatchObject({ name: `@acme/tenon-${kind}-abacus`, devDependencies: { '@tenon/testing': expect.stringMatching(/./) } })
  })
})

describe('the names', () => {
  const created = async (name: string, kind: Kind) => {
    const { out, code } = await run([name, '--kind', kind, '--json'])
    return code === 0 ? (JSON.parse(out) as { package: string; plugin: string; function: string }) : (JSON.parse(out) as { error: { code: string; message: string; remedy: string } }).error
  }

  it.each<[string, Kind, string, string]>([
    ['abacus', 'backend', 'abacus', 'abacus'],
    ['tenon-mean-bag', 'model', 'mean-bag', 'meanBag'],
    ['tenon-plugin-sums', 'task', 'sums', 'sums'],
    ['my-plugin', 'backend', 'my-plugin', 'myPlugin'],
    ['3d', 'backend', '3d', 'backend3d'],
    ['new', 'task', 'new', 'newTask'],
    ['files', 'task', 'files', 'filesTask'], // imported by the template's own test
    ['match', 'task', 'match', 'match'],
    ['task', 'task', 'task', 'taskTask'],
    ['~', 'store', '~', 'storeStore'],
  ])('of %s, a %s, are %s and %s', async (name, kind, plugin, factory) => {
    expect(await created(name, kind)).toMatchObject({ package: name, plugin, function: factory })
  })

  it.each([
    ['My Plugin', "How about 'my-plugin'"],
    ['_private', "How about 'private'"],
    ['.hidden', "How about 'hidden'"],
    ['node_modules', "How about 'node-modules'"],
    ['fs', 'Choose a name'],
    ['ab$&c', "How about 'ab-c'"],
    ['é', 'Choose a name'],
    ['x'.repeat(215), 'Choose a name'],
  ])('cannot be made of %j, and nothing is written', async (name, remedy) => {
    const folder = await workingFolder()
    const { code, out } = await run([name, '--kind', 'task', '--json'], { cwd: folder })
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'TENON_INVALID_NAME', remedy: expect.stringContaining(remedy) } })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('the folder', () => {
  it('may be there and empty, or hold only a Git repository', async () => {
    const folder = await workingFolder()
    await mkdir(join(folder, 'abacus/.git'), { recursive: true })
    expect((await run(['abacus', '--kind', 'store'], { cwd: folder })).code).toBe(0)
    expect((await readdir(join(folder, 'abacus'))).toSorted()).toEqual(['.git', '.gitignore', 'README.md', 'package.json', 'src', 'tsconfig.json'])
  })

  it('may be the working one', async () => {
    const folder = join(await workingFolder(), 'abacus')
    await mkdir(folder)
    const { code, out } = await run(['.', '--kind', 'store'], { cwd: folder })
    expect(code).toBe(0)
    expect(out).not.toContain('cd ')
    expect(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))).toMatchObject({ name: 'abacus' })
  })

  it('can be read by whom other new folders can', async () => {
    const { folder } = await run(['abacus', '--kind', 'store'])
    await mkdir(join(folder, 'other'))
    const [made, other] = await Promise.all(['abacus', 'other'].map((name) => stat(join(folder, name))))
    expect(made!.mode).toBe(other!.mode)
  })

  it('may be a path, which is made', async () => {
    const { code, folder } = await run(['plugins/deep/abacus', '--kind', 'store'])
    expect(code).toBe(0)
    expect(existsSync(join(folder, 'plugins/deep/abacus/src/index.ts'))).toBe(true)
  })

  it.each<[string, (folder: string) => Promise<void>, string]>([
    ['holds something', async (folder) => (await mkdir(join(folder, 'abacus')), writeFile(join(folder, 'abacus/notes.txt'), 'mine')), "holds 'notes.txt' already"],
    ['is a file', (folder) => writeFile(join(folder, 'abacus'), 'mine'), 'is a file'],
  ])('is left alone where it %s', async (_, prepare, problem) => {
    const folder = await workingFolder()
    await prepare(folder)
    const before = await filesOf(folder)
    const { code, err } = await run(['abacus', '--kind', 'store'], { cwd: folder })
    expect(code).toBe(1)
    expect(err).toContain('error TENON_FOLDER_IN_USE')
    expect(err).toContain(problem)
    expect(await filesOf(folder)).toEqual(before)
  })
})

describe('the command line', () => {
  it.each<[readonly string[], string, string]>([
    [[], 'has no name', 'my-plugin'],
    [['abacus'], 'Nothing says which kind', 'backend, task, model, compressor, store'],
    [['abacus', '--kind', 'backned'], "no kind 'backned'", "Did you mean 'backend'"],
    [['abacus', '--kind', 'source'], "no kind 'source'", 'backend, task'],
    [['abacus', '--knid', 'task'], '--knid', '--help'],
    [['one', 'two', '--kind', 'task'], 'there are 2', 'one plugin'],
  ])('%j is told what is wrong with it and what to do', async (argv, problem, remedy) => {
    const { code, out, err } = await run(argv)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toMatch(/^error TENON_USAGE /)
    expect(err).toContain(problem)
    expect(err).toContain(remedy)
    const json = await run([...argv, '--json'])
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'TENON_USAGE', remedy: expect.stringContaining(remedy) } })
    expect(json.err).toBe('')
  })

  it('asks for what is missing, on a terminal', async () => {
    const { code, out, folder } = await run([], { typed: ['', 'abacus', 'no kind', 'stores'] })
    expect(code).toBe(0)
    expect(out).toContain('Name of the package')
    expect(await readFile(join(folder, 'abacus/package.json'), 'utf8')).toContain('tenon-store')
  })

  it('takes the number of a kind', async () => {
    const { folder } = await run(['abacus'], { typed: ['2'] })
    expect(await readFile(join(folder, 'abacus/package.json'), 'utf8')).toContain('tenon-task')
  })

  it('ends where nobody answers, and writes nothing', async () => {
    const { code, folder } = await run(['abacus'], { typed: [] })
    expect(code).toBe(130)
    expect(await readdir(folder)).toEqual([])
  })

  it('shows its kinds and options', async () => {
    const { code, out } = await run(['--help'])
    expect(code).toBe(0)
    for (const word of [...kindNames, '--kind', '--json']) expect(out).toContain(word)
  })

  it('has colours where a terminal is, or where it is told to', async () => {
    const colored = (text: string) => text.includes('\u001b[')
    expect(colored((await run(['a', '--kind', 'task'])).out)).toBe(false)
    expect(colored((await run(['a', '--kind', 'task'], { env: { FORCE_COLOR: '1' } })).out)).toBe(true)
    expect(colored((await run(['a', '--kind', 'task'], { typed: [] })).out)).toBe(true)
    expect(colored((await run(['a', '--kind', 'task'], { typed: [], env: { NO_COLOR: '1' } })).out)).toBe(false)
  })
})
