import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { fakeOpen } from './testing/fake-open.js'
import { run, sink } from './testing/run.js'
import { main } from './main.js'
import { textWidth } from './text-width.js'
import { UsageError } from './errors/usage-error.js'

const escape = '\u001b'
const failing = (error: unknown) =>
  fakeOpen({
    before() {
      throw error
    },
  })

describe('the command', () => {
  it('shows help, with examples, when asked and when called with nothing', async () => {
    for (const argv of [['--help'], ['-h'], ['help'], []]) {
      const { code, stdout, stderr } = await run(argv)
      expect(code).toBe(0)
      expect(stdout).toMatch(/Usage: tenon/)
      expect(stdout).toMatch(/Examples:\n {2}tenon ask "How long should oak dry\?"/)
      expect(stderr).toBe('')
    }
  })

  it.each(['ask', 'chat', 'complete', 'embed', 'export', 'inspect', 'doctor', 'start'])('shows help of %s', async (name) => {
    const { code, stdout } = await run([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Usage: tenon ${name}`))
    expect((await run(['help', name])).stdout).toBe(stdout)
  })

  it.each([40, 70, 80, 200])('keeps help within %i columns, its examples too', async (columns) => {
    for (const name of ['ask', 'chat', 'complete', 'embed', 'export', 'prepare', 'inspect', 'doctor', 'start', undefined]) {
      const { stdout } = await run([...(name === undefined ? [] : [name]), '--help'], { columns })
      for (const line of stdout.split('\n')) expect([line, textWidth(line) <= columns]).toEqual([line, true])
    }
  })

  it('sets what an example is for below it where there is no room beside', async () => {
    expect((await run(['ask', '--help'], { columns: 60 })).stdout).toContain('  tenon ask -q "Who?" -q "When?" history.md\n    several questions\n')
    expect((await run(['--help'], { columns: 100 })).stdout).toMatch(/ {2}tenon doctor +what works on this machine\n/)
    expect((await run(['--help'], { columns: 40 })).stdout).toContain('  --debug\n      print the stack of an error (or\n      set TENON_DEBUG=1)\n')
  })

  it('takes --json and --quiet with every command, but for the tour', async () => {
    const { stdout } = await run(['--help'])
    const commands = Array.from(stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Examples:')).matchAll(/^ {2}(\w+)/gm), ([, name]) => name!).filter((name) => name !== 'help')
    expect(commands).toContain('ask')
    for (const name of commands) {
      const help = (await run([name, '--help'])).stdout
      for (const option of ['--json', '--quiet']) expect([name, help.includes(option)]).toEqual([name, name !== 'start'])
      expect([name, help.includes('--deployment')]).toEqual([name, ['ask', 'chat', 'complete', 'embed'].includes(name)])
    }
  })

  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it.each([
    [['aks', 'why?'], 'did you mean ask', "unknown command 'aks'"],
    [['ask', 'why?', '--jsno'], 'did you mean --json', "unknown option '--jsno'"],
    [['ask', 'why?', '.', '--top-k', '0'], '--help', 'Give a whole number from 1 on'],
    [['ask', 'why?', '.', '--threshold', '2'], '--help', 'Give a number from 0 to 1'],
    [['doctor', 'who'], '--help', 'too many arguments'],
  ])('teaches what is wrong with %j', async (argv, remedy, message) => {
    const { code, stdout, stderr } = await run(argv)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^error TENON_USAGE [^\n]+\n {2}[^\n]+\n$/)
    expect(stderr).toContain(message)
    expect(stderr.toLowerCase()).toContain(remedy)
  })

  it('tells a question in place of a command how to be asked', async () => {
    const { code, stderr } = await run(['How long should oak dry?'])
    expect(code).toBe(2)
    expect(stderr).toContain('tenon ask "How long should oak dry?" ./documents')
  })

  it('has colours on a terminal and when forced, and no escape codes otherwise', async () => {
    expect((await run(['--help'], { isTTY: true })).stdout).toContain(escape)
    expect((await run(['--help'], { env: { FORCE_COLOR: '1' } })).stdout).toContain(escape)
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { FORCE_COLOR: '0' }]) expect((await run(['--help'], { isTTY: true, env })).stdout).not.toContain(escape)
    for (const argv of [['--help'], ['aks']]) {
      const { stdout, stderr } = await run(argv)
      expect(stdout + stderr).not.toContain(escape)
    }
  })
})

describe('a failure', () => {
  it('is wrapped to a terminal, and in two lines elsewhere', async () => {
    const open = failing(new UsageError({ message: 'The glue that was warmed this morning is cold', remedy: 'Warm it again, and mind that it does not boil' }))
    const { stderr } = await run(['embed', 'a'], { open, isTTY: true, columns: 40, env: { NO_COLOR: '1' } })
    expect(stderr).toContain('error TENON_USAGE The glue that was\nwarmed this morning is cold\n  Warm it again, and mind that it does\n  not boil\n')
    expect((await run(['embed', 'a'], { open, columns: 40 })).stderr.split('\n')).toHaveLength(3)
  })

  it('is its code, what happened and what to do, without a stack', async () => {
    const error = new UsageError({ message: 'The glue is cold', remedy: 'Warm it' })
    expect(await run(['embed', 'a'], { open: failing(error) })).toEqual({ code: 2, stdout: '', stderr: 'error TENON_USAGE The glue is cold\n  Warm it\n' })
  })

  it('that nobody expected asks to be reported', async () => {
    const { code, stderr } = await run(['embed', 'a'], { open: failing(new TypeError('x is not a function')) })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error TENON_UNEXPECTED x is not a function\n {2}This is a mistake in Tenon/)
    expect(stderr).not.toContain('    at ')
  })

  it.each([
    ['--debug', ['--debug', 'embed', 'a'], {}],
    ['--debug behind the command', ['embed', 'a', '--debug'], {}],
    ['TENON_DEBUG', ['embed', 'a'], { TENON_DEBUG: '1' }],
  ])('shows its stack with %s', async (_name, argv, env) => {
    const { stderr } = await run(argv, { env, open: failing(new TypeError('x is not a function')) })
    expect(stderr).toContain('    at ')
  })

  it('is one JSON document on stdout with --json', async () => {
    const { code, stdout, stderr } = await run(['embed', 'a', '--json'], { open: failing(new TypeError('x')) })
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'TENON_UNEXPECTED', message: 'x', remedy: expect.stringContaining('--debug') } })
    expect(stderr).toBe('')
    expect(JSON.parse((await run(['ask', '--json'])).stdout)).toMatchObject({ error: { code: 'TENON_USAGE' } })
  })

  it('frees what was opened', async () => {
    const open = failing(new TypeError('x'))
    await run(['embed', 'a'], { open })
    expect([open.opened, open.freed]).toEqual([1, 1])
  })
})

describe('Ctrl-C', () => {
  it('ends quietly with 130 and frees what was opened', async () => {
    const interruption = new AbortController()
    const open = fakeOpen({ before: () => interruption.abort() })
    const { code, stdout, stderr } = await run(['ask', 'Why?', '.'], { open, signal: interruption.signal })
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: '' })
    expect([open.opened, open.freed]).toEqual([1, 1])
  })
})

describe('a reader that goes away', () => {
  it('stops the work without a complaint', async () => {
    const stdout = sink()
    const stderr = sink()
    const open = fakeOpen({ before: () => void stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })) })
    const code = await main({ argv: ['embed', 'a'], stdout, stderr, env: {}, signal: new AbortController().signal, open })
    expect({ code, stderr: stderr.text() }).toEqual({ code: 0, stderr: '' })
    expect(open.freed).toBe(1)
  })
  it('is told apart from a disk that is full, which is a failure', async () => {
    for (const argv of [['embed', 'a'], ['embed', 'a', '--json']]) {
      const stderr = sink()
      const stdout = Object.assign(new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })) }), { isTTY: false })
      const code = await main({ argv, stdout, stderr, env: {}, signal: new AbortController().signal, open: fakeOpen() })
      expect({ code, stderr: stderr.text() }).toEqual({ code: 1, stderr: 'error ENOSPC no space left on device, write\n  Free some disk space\n' })
    }
  })
})
