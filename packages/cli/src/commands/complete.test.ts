import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderOf } from '../testing/documents.js'
import { fakeCompleter } from '../testing/fake-completer.js'
import { run } from '../testing/run.js'

describe('complete', () => {
  it('prints what is to be written at a place, and nothing else', async () => {
    await using folder = await folderOf({ 'a.py': '\uFEFFdef f(a):\r\n    \r\nx = 1\r\n' })
    const openDecoder = fakeCompleter()
    const { code, stdout, stderr } = await run(['complete', join(folder.path, 'a.py'), '--at', '2:5', '-m', 'coder'], { openDecoder })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'return a', stderr: '' })
    expect(openDecoder.inputs[0]).toMatchObject({ prefix: 'def f(a):\r\n    ', suffix: '\r\nx = 1\r\n', path: expect.stringMatching(/a\.py$/) })
    expect(openDecoder.opens[0]).toMatchObject({ model: 'coder', task: 'code-generation' })
    expect(openDecoder.freed).toBe(1)
  })

  it('ends the line on a terminal', async () => {
    const { stdout } = await run(['complete', '-', '-m', 'coder'], { openDecoder: fakeCompleter(), stdin: 'x', isTTY: true })
    expect(stdout).toBe('return a\n')
  })

  it('completes what is piped in at its end, or at a marker', async () => {
    const openDecoder = fakeCompleter()
    await run(['complete', '-', '-m', 'coder', '--path', 'b.ts'], { openDecoder, stdin: 'const a = ' })
    await run(['complete', '-', '-m', 'coder', '--marker', '█', '--language', 'python'], { openDecoder, stdin: 'a = █\nb = 1\n' })
    expect(openDecoder.inputs).toEqual([{ prefix: 'const a = ', suffix: '', path: 'b.ts' }, { prefix: 'a = ', suffix: '\nb = 1\n', language: 'python' }])
  })

  it('passes on how to write, and with what', async () => {
    await using folder = await folderOf({ 'a.ts': 'x', 'lib/b.ts': 'export const b = 1\n', 'c.ts': '' })
    const openDecoder = fakeCompleter()
    const path = (name: string) => join(folder.path, name)
    const options = '--weights int4 --activations int16 -n 7 --scope line --candidates 3 -t 0.5 --top-k 9 --top-p 0.9 --seed 0 --stop ; --stop } --prompt-lookup --context-tokens 99 --prefix-only --no-truncate --no-healing --repository r --backend tfjs --device wasm'
    const { code } = await run(['complete', path('a.ts'), '-m', 'coder', ...options.split(' '), '--context', path('lib/b.ts'), path('c.ts')], { openDecoder })
    expect(code).toBe(0)
    expect(openDecoder.opens[0]).toMatchObject({ weights: 'int4', activations: 'int16', backend: 'tfjs', device: 'wasm' })
    expect(openDecoder.options[0]).toMatchObject({ maxNewTokens: 7, scope: 'line', candidates: 3, temperature: 0.5, topK: 9, topP: 0.9, seed: 0, stop: [';', '}'], speculation: 'prompt-lookup', contextTokens: 99, infill: 'prefix-only', truncate: false, healing: false })
    expect(openDecoder.inputs[0]).toMatchObject({ repository: 'r', files: [{ path: expect.stringMatching(/lib\/b\.ts$/), text: 'export const b = 1\n' }, { text: '' }] })
    await run(['complete', path('a.ts'), '-m', 'coder', '--draft', 'small'], { openDecoder })
    expect(openDecoder.opens[1]).toMatchObject({ draft: 'small' })
    expect(Object.keys(openDecoder.options[1]!).toSorted()).toEqual(['healing', 'signal', 'truncate'])
  })

  it('prints one JSON document with --json', async () => {
    const { stdout } = await run(['complete', '-', '-m', 'coder', '--json', '--stats'], { openDecoder: fakeCompleter(), stdin: 'x' })
    expect(JSON.parse(stdout)).toMatchObject({ model: 'coder', text: 'return a', finishReason: 'scope', candidates: [{ text: 'return a' }], stats: { cachedTokens: 100 }, timings: { load: expect.any(Number), complete: expect.any(Number) } })
  })

  it('says on stderr how long it took with --stats', async () => {
    const { stdout, stderr } = await run(['complete', '-', '-m', 'coder', '--stats'], { openDecoder: fakeCompleter(), stdin: 'x' })
    expect(stdout).toBe('return a')
    expect(stderr.split('\n').slice(0, 5)).toEqual([
      '  time to first token   12 ms',
      '  tokens a second       50.0',
      '  tokens written        3',
      '  tokens of the prompt  120: 100 from the cache, 20 read, 2,000 a second',
      '  guessed ahead         4: 2 accepted, 50 %',
    ])
    expect(stderr).toContain('ended by scope')
  })

  it.each([
    [['complete', '-'], undefined, 2, /Nothing was piped in/],
    [['complete'], undefined, 2, /missing required argument/],
    [['complete', '-', '--at', '9:9'], 'x', 2, /There is no line 9: the text has 1/],
    [['complete', '-', '--at', 'here'], 'x', 2, /no place in a file/],
    [['complete', '-', '--scope', 'all'], 'x', 2, /Allowed choices are auto/],
    [['complete', '-', '--weights', 'int3'], 'x', 2, /Allowed choices are int4/],
    [['complete', '-', '--activations', 'int4'], 'x', 2, /Allowed choices are int8, int16/],
    [['complete', '-', '--temperature', 'hot'], 'x', 2, /Give a number from 0 on/],
    [['complete', '-', '--candidates', '9'], 'x', 2, /'--candidates <n>' argument '9' is invalid\. Give a whole number from 1 to 8/],
    [['complete', '-', '--context-length', '20'], 'x', 2, /TENON_INVALID_OPTION --context-length is 20, which has no room for a prompt beside 128 new tokens\n {2}Give a --context-length from 152 on; with fewer --max-tokens, from 25 on\n/],
    [['complete', '-', '--context-length', '100', '-n', '90'], 'x', 2, /TENON_INVALID_OPTION --max-tokens is 90, with which a context of 100 tokens has no room for a prompt\n {2}Give at most 76, or, where the model reads as many, a --context-length from 114 on\n/],
    [['complete', '-', '--context-tokens', '3'], 'x', 2, /TENON_INVALID_OPTION --context-tokens is 3, with which there is no room for a line\n {2}Give at least 16\n/],
    [['complete', tmpdir()], undefined, 1, /EISDIR The path .*: this is a folder\n {2}Name a file/],
    [['complete', '-', '--context', tmpdir()], 'x', 1, /EISDIR --context .*: this is a folder\n {2}Name a file/],
    [['complete', '-', '--draft', ''], 'x', 2, /TENON_USAGE option '--draft <model>' argument '' is invalid\. It is empty: give a value, or leave it out/],
    [['complete', '-', '--model', ''], 'x', 2, /--model <model>' argument '' is invalid\. It is empty/],
    [['complete', '-', '--device', ' '], 'x', 2, /--device <device>' argument ' ' is invalid\. It is empty/],
    [['complete', '-', '--stop', ''], 'x', 2, /--stop <text>' argument '' is invalid\. It is empty/],
    [['complete', ''], 'x', 2, /value '' is invalid for argument 'file'\. It is empty/],
    [['complete', '/no/such/file.py'], undefined, 1, /ENOENT/],
    [['complete', '-', '--context', '/no/such/file.py'], 'x', 1, /ENOENT/],
  ])('teaches what is wrong with %j', async (argv, stdin, code, words) => {
    const openDecoder = fakeCompleter()
    const failed = await run(argv, { openDecoder, ...(stdin !== undefined && { stdin }) })
    expect(openDecoder.opens).toEqual([])
    expect(failed).toMatchObject({ code, stdout: '' })
    expect(failed.stderr).toMatch(words)
  })

  it('notes options that do nothing where nothing is drawn', async () => {
    const note = async (...args: readonly string[]) => (await run(['complete', '-', '-m', 'coder', ...args], { openDecoder: fakeCompleter(), stdin: 'x' })).stderr
    expect(await note('--top-k', '5')).toBe('note --top-k does nothing without --temperature: the likeliest token is taken\n')
    expect(await note('--seed', '5', '--candidates', '3')).toBe('')
  })

  it('says that it needs a model', async () => {
    const { code, stderr } = await run(['complete', '-'], { stdin: 'x' })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error TENON_USAGE There is no model\n {2}Name one that writes/)
  })

  it('refuses what is no text', async () => {
    await using folder = await folderOf({ 'a.bin': 'def\0f' })
    const openDecoder = fakeCompleter()
    const { code, stdout, stderr } = await run(['complete', join(folder.path, 'a.bin'), '-m', 'coder'], { openDecoder })
    expect({ code, stdout, opens: openDecoder.opens }).toEqual({ code: 2, stdout: '', opens: [] })
    expect(stderr).toContain('a.bin is no text: it has zero bytes')
    expect((await run(['complete', '-', '-m', 'coder'], { openDecoder, stdin: '\0' })).stderr).toContain('What was piped in is no text')
  })

  it('tells of bytes that are no UTF-8, and goes on', async () => {
    await using folder = await folderOf({ 'good.py': 'a = "\uFFFDé"' })
    const path = join(folder.path, 'latin.py')
    await writeFile(path, Buffer.from('a = "é"', 'latin1'))
    const openDecoder = fakeCompleter()
    expect(await run(['complete', path, '-m', 'coder'], { openDecoder })).toMatchObject({ code: 0, stdout: 'return a', stderr: `note ${path} is not all UTF-8: the model is shown � for the rest\n` })
    expect(await run(['complete', join(folder.path, 'good.py'), '-m', 'coder'], { openDecoder })).toMatchObject({ code: 0, stderr: '' })
  })

  it('stops where Ctrl-C was pressed, with 130, and frees the model', async () => {
    const interruption = new AbortController()
    const openDecoder = fakeCompleter({ before: (index) => index === 1 && interruption.abort() })
    const { code, stdout, stderr } = await run(['complete', '-', '-m', 'coder'], { openDecoder, stdin: 'x', signal: interruption.signal })
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: 'return', stderr: '' })
    expect(openDecoder.freed).toBe(1)
  })
  it('leaves the terminal at a line of its own where Ctrl-C was pressed', async () => {
    const interruption = new AbortController()
    const openDecoder = fakeCompleter({ before: (index) => index === 1 && interruption.abort() })
    const stopped = await run(['complete', '-', '-m', 'coder', '--quiet'], { openDecoder, stdin: 'x', signal: interruption.signal, isTTY: true })
    expect(stopped).toMatchObject({ code: 130, stdout: 'return\n' })
  })
})
