import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { main } from '../main.js'
import type { OpenDecoder } from '../open-decoder.js'
import { folderOf } from '../testing/documents.js'
import { fakeChat, type FakeChat } from '../testing/fake-chat.js'
import { run, sink } from '../testing/run.js'

describe('chat', () => {
  it('answers a question, and prints nothing else', async () => {
    const openDecoder = fakeChat()
    const { code, stdout, stderr } = await run(['chat', 'What is a tenon?', '-m', 'talker'], { openDecoder })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '0: What is a tenon?\n', stderr: '' })
    expect(openDecoder.opens[0]).toMatchObject({ model: 'talker', task: 'text-generation' })
    expect(openDecoder.freed).toBe(1)
  })

  it('answers what is piped in, behind the question', async () => {
    const openDecoder = fakeChat()
    await run(['chat', 'What is it about?', '-m', 'talker'], { openDecoder, stdin: '\uFEFFOak.\nAsh.\n\n' })
    await run(['chat', '-m', 'talker'], { openDecoder, stdin: 'What is oak?\n' })
    expect(openDecoder.sent).toEqual(['What is it about?\n\nOak.\nAsh.', 'What is oak?'])
  })

  it('reads UTF-16 that is piped in by its mark, and refuses what is no text', async () => {
    const openDecoder = fakeChat()
    for (const [mark, swap] of [['\uFEFF', false], ['\uFEFF', true]] as const) {
      const bytes = Buffer.from(`${mark}Oak 榫\r\n`, 'utf16le')
      expect(await run(['chat', '-m', 'talker'], { openDecoder, stdin: swap ? bytes.swap16() : bytes })).toMatchObject({ code: 0, stderr: '' })
    }
    expect(openDecoder.sent).toEqual(['Oak 榫', 'Oak 榫'])
    expect(await run(['chat', '-m', 'talker'], { openDecoder, stdin: Buffer.from('Oak', 'utf16le') })).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('What was piped in is no text: it has zero bytes') })
    expect(openDecoder.opens).toHaveLength(2)
  })

  it('refuses a schema that is none before the model is opened', async () => {
    await using folder = await folderOf({ 'broken.json': '{', 'list.json': '[]', 'type.json': '{"type": "wibble"}' })
    const openDecoder = fakeChat()
    const ask = (file: string) => run(['chat', 'Hi', '-m', 'talker', '--schema', join(folder.path, file)], { openDecoder })
    expect(await ask('broken.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('broken.json: this is no JSON') })
    expect(await ask('list.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('list.json: The JSON schema at # is []') })
    expect(await ask('type.json')).toMatchObject({ code: 2, stderr: expect.stringMatching(/type\.json: The JSON schema at # has 'type', which is "wibble"\n {2}Choose among object/) })
    expect(await ask('none.json')).toMatchObject({ code: 1, stderr: expect.stringMatching(/none\.json: no such file or directory\n {2}Check the path/) })
    for (const option of ['--schema', '--template', '--deployment']) expect((await run(['chat', 'Hi', '-m', 'talker', option, folder.path], option === '--deployment' ? {} : { openDecoder })).stderr).toBe(`error EISDIR ${option} ${folder.path}: this is a folder\n  Name a file, not a folder\n`)
    expect(openDecoder.opens).toHaveLength(0)
  })

  it('notes options that do nothing where nothing is drawn', async () => {
    const note = async (args: string, sampling = {}) => (await run(['chat', 'Hi', '-m', 'talker', ...args.split(' ')], { openDecoder: fakeChat({ sampling }) })).stderr
    expect(await note('--top-k 5 --top-p 0.9 --seed 1')).toBe('note --top-k, --top-p and --seed do nothing without --temperature: the likeliest token is taken\n')
    expect(await note('--min-p 0.1 -t 0', { temperature: 0.6 })).toBe('note --min-p does nothing at --temperature 0: the likeliest token is taken\n')
    expect(await note('--top-k 5', { temperature: 0.6 })).toBe('')
    expect(await note('--top-k 5 -t 0.5')).toBe('')
    expect(await note('--repetition-penalty 1.1')).toBe('')
  })

  it('passes on how to answer, and with what', async () => {
    await using folder = await folderOf({ 'schema.json': '{"type": "object"}', 'chat.jinja': '{{ messages }}', 'broken.json': '{' })
    const openDecoder = fakeChat()
    const files = ['--schema', join(folder.path, 'schema.json'), '--template', join(folder.path, 'chat.jinja')]
    const options = '--weights int8 --activations int16 --context-length 2048 -n 7 -t 0.5 --top-p 0.9 --seed 0 --stop ; --prompt-lookup --system Brief. --drop-oldest --variable enable_thinking=false --variable date=today --backend tfjs --device wasm'
    expect(await run(['chat', 'Hi', '-m', 'talker', ...files, ...options.split(' ')], { openDecoder })).toMatchObject({ code: 0 })
    expect(openDecoder.opens[0]).toMatchObject({ weights: 'int8', activations: 'int16', contextLength: 2048, backend: 'tfjs', device: 'wasm' })
    expect(openDecoder.conversations[0]).toEqual({ maxNewTokens: 7, temperature: 0.5, topP: 0.9, seed: 0, stop: [';'], speculation: 'prompt-lookup', system: 'Brief.', overflow: 'drop-oldest', variables: { enable_thinking: false, date: 'today' }, schema: { type: 'object' }, template: '{{ messages }}' })
    expect(await run(['chat', 'Hi', '-m', 'talker', '--schema', join(folder.path, 'broken.json')], { openDecoder })).toMatchObject({ code: 2, stderr: expect.stringContaining('is no JSON') })
  })

  it('prints one JSON document with --json', async () => {
    const { stdout } = await run(['chat', 'Hi', '-m', 'talker', '--json', '--stats'], { openDecoder: fakeChat() })
    expect(JSON.parse(stdout)).toMatchObject({ model: 'talker', text: '0: Hi', finishReason: 'end-token', message: { role: 'assistant' }, toolCalls: [], stats: { cachedTokens: 15 }, timings: { load: expect.any(Number), answer: expect.any(Number) } })
  })

  it('has a smaller model guess ahead with --draft', async () => {
    const openDecoder = fakeChat()
    expect(await run(['chat', 'Hi', '-m', 'talker', '--draft', 'small'], { openDecoder })).toMatchObject({ code: 0 })
    expect([openDecoder.opens[0]?.draft, openDecoder.conversations[0]]).toEqual(['small', {}])
    expect(await run(['chat', 'Hi', '-m', 'talker', '--draft', 'small', '--prompt-lookup'], { openDecoder })).toMatchObject({ code: 2, stderr: expect.stringContaining("'--draft <model>' cannot be used with option '--prompt-lookup'") })
  })

  it('says on stderr how long it took with --stats', async () => {
    const { stdout, stderr } = await run(['chat', 'Hi', '-m', 'talker', '--stats'], { openDecoder: fakeChat() })
    expect(stdout).toBe('0: Hi\n')
    expect(stderr).toMatch(/time to first token {3}12 ms\n.*tokens a second {7}50\.0/)
    expect(stderr).toContain('ended by end-token')
  })

  it('says that an answer was cut before it fulfilled its schema, on stderr and by its exit code', async () => {
    await using folder = await folderOf({ 'schema.json': '{"type": "object"}' })
    const ask = (finishReason: 'length' | 'stop-string' | 'constraint' | 'end-token', args: readonly string[] = ['--schema', join(folder.path, 'schema.json')]) => run(['chat', 'Hi', '-m', 'talker', ...args], { openDecoder: fakeChat({ finishReason }) })
    const cut = await ask('length')
    expect(cut).toEqual({ code: 4, stdout: '0: Hi\n', stderr: 'note The answer does not fulfil the schema: it was cut by its length. Allow more with --max-tokens, or ask for less\n' })
    expect(await ask('stop-string')).toMatchObject({ code: 4, stderr: 'note The answer does not fulfil the schema: it was cut by --stop\n' })
    for (const reason of ['constraint', 'end-token'] as const) expect(await ask(reason)).toEqual({ code: 0, stdout: '0: Hi\n', stderr: '' })
    expect(await ask('length', [])).toMatchObject({ code: 0, stderr: '' }) // prose may end anywhere
    const json = await ask('length', ['--schema', join(folder.path, 'schema.json'), '--json', '--quiet'])
    expect([json.code, json.stderr, (JSON.parse(json.stdout) as { finishReason: string }).finishReason]).toEqual([4, '', 'length'])
  })

  it('ends with a coded error where the answer does', async () => {
    expect(await run(['chat', 'fail', '-m', 'talker'], { openDecoder: fakeChat() })).toMatchObject({ code: 1, stdout: '', stderr: 'error TENON_INVALID_INPUT The word is refused\n  Say another\n' })
  })

  it('begins an error on the line where the answer would have begun', async () => {
    const { stdout, stderr } = await run(['chat', 'fail', '-m', 'talker', '--quiet'], { openDecoder: fakeChat(), isTTY: true, env: { NO_COLOR: '1' } })
    expect([stdout, stderr]).toEqual(['', 'error TENON_INVALID_INPUT The word is refused\n  Say another\n'])
  })

  it('ends by Ctrl-C', async () => {
    const stop = new AbortController()
    const openDecoder = fakeChat({ before: () => stop.abort() })
    expect(await run(['chat', 'a b c', '-m', 'talker'], { openDecoder, signal: stop.signal })).toMatchObject({ code: 130 })
    expect(openDecoder.freed).toBe(1)
  })

  it.each<[string[], string | undefined, string]>([
    [[], undefined, 'There is no question'],
    [[' '], undefined, 'The question is empty'],
    [[], ' \n', 'Nothing was piped in'],
    [['Hi', '--draft', ''], undefined, "option '--draft <model>' argument '' is invalid. It is empty"],
    [['Hi', '--schema', ''], undefined, "option '--schema <file>' argument '' is invalid. It is empty"],
    [['Hi', '--temperature', '-1'], undefined, "'-t, --temperature <t>' argument '-1' is invalid. Give a number from 0 on"],
    [['Hi', '--top-p', '2'], undefined, "'--top-p <p>' argument '2' is invalid. Give a number above 0, up to 1"],
    [['Hi', '--top-p', '0'], undefined, "'--top-p <p>' argument '0' is invalid. Give a number above 0, up to 1"],
    [['Hi', '--repetition-penalty', '0'], undefined, "argument '0' is invalid. Give a number above 0"],
    [['Hi', '--max-tokens', '0'], undefined, "'-n, --max-tokens <n>' argument '0' is invalid. Give a whole number from 1 on"],
    [['Hi', '--variable', 'x'], undefined, "--variable 'x' names no value"],
  ])('is told how it is called: %j, %j', async (args, stdin, message) => {
    const openDecoder = fakeChat()
    expect(await run(['chat', ...args, '-m', 'talker'], { openDecoder, ...(stdin !== undefined && { stdin }) })).toMatchObject({ code: 2, stderr: expect.stringContaining(message) })
    expect(openDecoder.opens).toHaveLength(0)
  })
})

/** A prompt, and where readline puts the cursor. */
const invitation = new RegExp(String.raw`(?:›|…) (?:\x1b\[\d+[A-Z])?$`)

/** Types into a terminal, each time that it is asked to. */
function typing(...lines: readonly string[]) {
  const input = new PassThrough()
  const output = new PassThrough()
  const left = [...lines]
  let shown = ''
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    if (!invitation.test(shown)) return
    shown = ''
    const line = left.shift()
    setImmediate(() => (line === undefined ? input.end() : input.write(line)))
  })
  return { input, output }
}

async function talked(openDecoder: FakeChat, lines: readonly string[], args: readonly string[] = []) {
  const result = await run(['chat', '-m', 'talker', '--quiet', ...args], { openDecoder, terminal: typing(...lines), env: { NO_COLOR: '1' } })
  return { ...result, lines: result.stdout.split('\n').filter((line) => line !== '') }
}

describe('a conversation in a terminal', () => {
  it('goes on until /exit, with what was said before', async () => {
    const openDecoder = fakeChat()
    const { code, lines } = await talked(openDecoder, ['Hello\n', '\n', 'And?\n', '/exit\n', 'Not said\n'])
    expect(code).toBe(0)
    expect(lines).toEqual(['0: Hello', '2: And?'])
    expect(openDecoder.freed).toBe(1)
  })

  it('ends with what is typed', async () => {
    expect(await talked(fakeChat(), ['Hello\n'])).toMatchObject({ code: 0, lines: ['0: Hello'] })
  })

  it('takes several lines for one', async () => {
    const openDecoder = fakeChat()
    await talked(openDecoder, ['one\\\n', 'two\n', '"""\n', '  three\\\n', '\n', 'four\n', '"""\n', '/exit\n'])
    expect(openDecoder.sent).toEqual(['one\ntwo', '  three\\\n\nfour'])
  })

  it('takes lines that are pasted for one turn, with what is typed behind them', async () => {
    const openDecoder = fakeChat()
    await talked(openDecoder, ['one\ntwo\\\n\nthree\n', '"""\nfour\nfive\n"""\n', 'six\\\n', 'seven\neight\n', '/exit\n'])
    expect(openDecoder.sent).toEqual(['one\ntwo\\\n\nthree', 'four\nfive', 'six\nseven\neight'])
    const input = new PassThrough()
    const talking = run(['chat', '-m', 'talker', '--quiet'], { openDecoder, terminal: { input, output: new PassThrough().resume() } })
    await setTimeout(50)
    input.write('one\ntw')
    await setTimeout(100)
    expect(openDecoder.sent).toHaveLength(3)
    input.write('o\n')
    await vi.waitFor(() => expect(openDecoder.sent[3]).toBe('one\ntwo'))
    input.end()
    await talking
  })

  it('asks a terminal where a paste begins and ends, however slowly it comes', async () => {
    const openDecoder = fakeChat()
    const input = new PassThrough()
    const output = new PassThrough()
    const shown: string[] = []
    output.on('data', (chunk: Buffer) => shown.push(chunk.toString()))
    const talking = run(['chat', '-m', 'talker', '--quiet'], { openDecoder, isTTY: true, terminal: { input, output } })
    await vi.waitFor(() => expect(shown.join('')).toContain('\u001b[?2004h'))
    for (const part of ['\u001b[200~one\n', 'two\n', '\u001b[201~']) {
      expect(openDecoder.sent).toEqual([])
      input.write(part)
      await setTimeout(60)
    }
    await vi.waitFor(() => expect(openDecoder.sent).toEqual(['one\ntwo']))
    input.end()
    expect(await talking).toMatchObject({ code: 0 })
    expect(shown.join('')).toContain('\u001b[?2004l')
  })

  it('takes back what is half typed by Ctrl-C, and ends by it where nothing is', async () => {
    const openDecoder = fakeChat()
    const input = new PassThrough()
    const talking = run(['chat', '-m', 'talker', '--quiet'], { openDecoder, terminal: { input, output: new PassThrough().resume() } })
    for (const part of ['half', '\u0003', 'Hello\n', 'more\\\n', '\u0003', '"""\n', '\u0003', 'one\ntwo', '\u0003', 'And?\n']) {
      await setTimeout(50)
      input.write(part)
    }
    await vi.waitFor(() => expect(openDecoder.sent).toEqual(['Hello', 'And?']))
    await setTimeout(50)
    input.write('\u0003')
    expect(await talking).toMatchObject({ code: 0 })
  })

  it('begins anew, takes back, and says how long it took', async () => {
    const { lines } = await talked(fakeChat(), ['/stats\n', '/undo\n', 'Hello\n', '/stats\n', '/undo\n', 'Hello again\n', '/reset\n', 'Once more\n', '/help\n'])
    expect(lines.filter((line) => /^\d:/.test(line))).toEqual(['0: Hello', '0: Hello again', '0: Once more'])
    expect(lines).toContain('Taken back: Hello')
    expect(lines).toContain('There is no answer yet.')
    expect(lines.join('\n')).toMatch(/tokens a second +50\.0/)
    expect(lines.join('\n')).toContain('/reset  begin anew')
  })

  it('does not take a misspelt command for a question, but a path', async () => {
    const openDecoder = fakeChat()
    const { lines } = await talked(openDecoder, ['/rest\n', '/etc/hosts\n', '/exit\n'])
    expect(lines).toContain('There is no /rest: /help says what can be typed.')
    expect(openDecoder.sent).toEqual(['/etc/hosts'])
  })

  it('tells of a cut answer, and goes on', async () => {
    await using folder = await folderOf({ 'schema.json': '{"type": "object"}' })
    const { code, stderr } = await run(['chat', '-m', 'talker', '--schema', join(folder.path, 'schema.json')], { openDecoder: fakeChat({ finishReason: 'length' }), terminal: typing('Hello\n', '/exit\n') })
    expect([code, stderr]).toEqual([0, expect.stringContaining('The answer does not fulfil the schema')])
  })

  it('goes on after what goes wrong', async () => {
    const { code, lines, stderr } = await talked(fakeChat(), ['fail\n', 'Hello\n'])
    expect(code).toBe(0)
    expect(lines).toEqual(['0: Hello'])
    expect(stderr).toContain('error TENON_INVALID_INPUT The word is refused')
  })

  it('stops an answer by Ctrl-C, and ends by the next', async () => {
    const terminal = typing('a slow answer\n', 'a quick one\n', '\u0003', 'Not said\n')
    const openDecoder = fakeChat({
      before: (word, { signal }) => {
        if (word.trim() !== 'slow') return
        const stopped = new Promise<void>((resolve) => signal!.addEventListener('abort', () => resolve()))
        terminal.input.write('\u0003')
        return stopped
      },
    })
    const { code, stdout } = await run(['chat', '-m', 'talker', '--quiet'], { openDecoder, terminal, env: { NO_COLOR: '1' } })
    expect(code).toBe(0)
    expect(openDecoder.sent).toEqual(['a slow answer', 'a quick one'])
    expect(stdout.trim()).toBe('0: a quick one')
  })

  it('has no place for --json', async () => {
    expect(await talked(fakeChat(), [], ['--json'])).toMatchObject({ code: 2 })
  })
  it('begins on a line of its own, and leaves the terminal at one', async () => {
    const screen = sink({ isTTY: true, columns: 80 })
    const open = fakeChat()
    const openDecoder: OpenDecoder = async (options) => {
      options.progress.stage('opening the model')
      await setTimeout(400) // long enough to be shown
      return open(options)
    }
    const input = new PassThrough()
    const output = new Writable({ write: (chunk: Buffer, _encoding, done) => screen.write(chunk, () => done()) })
    const talking = main({ argv: ['chat', '-m', 'talker'], stdout: screen, stderr: screen, terminal: { input, output }, env: { NO_COLOR: '1' }, signal: new AbortController().signal, openDecoder })
    await vi.waitFor(() => expect(screen.text()).toMatch(invitation), 5000)
    input.end()
    expect(await talking).toBe(0)
    expect(screen.text()).toContain('opening the model …\r\u001b[2KAsk something')
    expect(screen.text()).toMatch(/\n$/)
  })

  it('that is stopped from outside ends with 130', async () => {
    const stop = new AbortController()
    const terminal = typing('Hello\n')
    const openDecoder = fakeChat()
    terminal.output.on('data', () => openDecoder.sent.length > 0 && stop.abort())
    expect(await run(['chat', '-m', 'talker', '--quiet'], { openDecoder, terminal, signal: stop.signal })).toMatchObject({ code: 130 })
    expect(openDecoder.freed).toBe(1)
  })
})
