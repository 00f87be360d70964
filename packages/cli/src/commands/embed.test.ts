import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { folderOf } from '../testing/documents.js'
import { fakeOpen } from '../testing/fake-open.js'
import { run } from '../testing/run.js'

interface Line {
  index: number
  text: string
  vector: number[]
}
const linesOf = (stdout: string) => stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Line)

describe('embed', () => {
  it('prints a line of JSON per text', async () => {
    const { code, stdout, stderr } = await run(['embed', 'oak', 'white oak'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = linesOf(stdout)
    expect(lines.map(({ index, text }) => [index, text])).toEqual([[0, 'oak'], [1, 'white oak']])
    for (const { vector } of lines) expect(Math.hypot(...vector)).toBeCloseTo(1, 6)
  })

  it('reads a text a line from a file or a pipe, leaving empty lines out', async () => {
    await using folder = await folderOf({ 'texts.txt': '\uFEFFoak\r\n\r\n榫卯\nno end' })
    const fromFile = await run(['embed', '--file', join(folder.path, 'texts.txt')])
    expect(linesOf(fromFile.stdout).map(({ text }) => text)).toEqual(['oak', '榫卯', 'no end'])
    const piped = await run(['embed'], { stdin: '\uFEFFoak\r\n\r\n榫卯\nno end' })
    expect(piped.stdout).toBe(fromFile.stdout)
  })

  it('counts on over many texts', async () => {
    const stdin = Array.from({ length: 600 }, (_, index) => `text ${index}`).join('\n')
    const lines = linesOf((await run(['embed'], { stdin })).stdout)
    expect(lines).toHaveLength(600)
    expect(lines.every(({ index, text }) => text === `text ${index}`)).toBe(true)
  })

  it('prints one JSON document with --json', async () => {
    const { stdout } = await run(['embed', 'oak', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ model: 'fake', dimensions: 64, texts: [{ text: 'oak', vector: expect.any(Array) }], timings: { load: expect.any(Number), embed: expect.any(Number) } })
  })

  it('compares texts in a matrix that names them', async () => {
    const { stdout } = await run(['embed', 'white oak', 'oak', '榫卯', '--similarity'])
    expect(stdout.split('\n')).toEqual([
      '         1      2      3',
      '  1      ·   0.71   0.00  white oak',
      '  2   0.71      ·   0.00  oak',
      '  3   0.00   0.00      ·  榫卯',
      '',
    ])
    const json = JSON.parse((await run(['embed', 'white oak', 'oak', '--similarity', '--json'])).stdout) as { similarities: number[][] }
    expect(json.similarities).toEqual([[1, 0.707107], [0.707107, 1]])
  })

  it('lists the closest pairs where a matrix is too wide', async () => {
    const texts = Array.from({ length: 12 }, (_, index) => `${'oak '.repeat(12 - index)}pine${index}`)
    const { stdout } = await run(['embed', ...texts, '--similarity'], { columns: 60 })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(21)
    expect(lines.at(-1)).toBe('  the closest 20 of 66 pairs; --json has all')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60)
  })

  it.each([
    [['embed'], undefined],
    [['embed'], '\n\n'],
    [['embed', 'a', '--file', 'b'], undefined],
  ])('teaches what is missing when called as %j with %j', async (argv, stdin) => {
    const { code, stdout, stderr } = await run(argv, stdin === undefined ? {} : { stdin })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^error TENON_USAGE /)
  })

  it('reads UTF-16 by its mark, and refuses what is no text', async () => {
    const bytes = Buffer.from('\uFEFFeins\nöäü 榫\n', 'utf16le')
    for (const stdin of [bytes, Buffer.from(bytes).swap16()]) expect(linesOf((await run(['embed'], { stdin })).stdout).map(({ text }) => text)).toEqual(['eins', 'öäü 榫'])
    expect(await run(['embed'], { stdin: bytes.subarray(2) })).toMatchObject({ code: 2, stderr: expect.stringContaining('What was piped in is no text: it has zero bytes') })
  })

  it('says that the file cannot be read', async () => {
    await using folder = await folderOf({})
    const missing = await run(['embed', '--file', join(folder.path, 'none.txt')])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error ENOENT .*none\.txt: no such file or directory\n {2}Check the path\n$/) })
    const slow = await run(['embed', '--file', join(folder.path, 'none.txt')], { open: fakeOpen({ before: () => setTimeout(50) }) })
    expect(slow.stderr).toBe(missing.stderr) // and not by a stream that nobody listens to yet
    const directory = await run(['embed', '--file', folder.path])
    expect(directory).toMatchObject({ code: 1, stderr: expect.stringContaining('Name a file, not a folder') })
  })
})
