import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url))
/** More than embed holds back before it prints. */
const lines = Array.from({ length: 300 }, (_, index) => `text ${index}\n`).join('')

/** The built command, as a shell starts it. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [bin, ...args], { stdio: 'pipe' })
  return { child, errors: text(child.stderr), ended: once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]> }
}

describe('the built command', () => {
  it('needs no model to show help', async () => {
    const { child, errors, ended } = start('--help')
    expect(await text(child.stdout)).toContain('tenon doctor')
    expect(await ended).toEqual([0, null])
    expect(await errors).toBe('')
  })

  it('ends with 130 on Ctrl-C, in the middle of its work', async () => {
    const { child, errors, ended } = start('embed')
    child.stdin.write(lines)
    await once(child.stdout, 'data') // the first texts are done, and it waits for more
    child.kill('SIGINT')
    expect(await ended).toEqual([130, null])
    expect(await errors).toBe('')
  })

  it('stops without a complaint when the reader has enough, as head has', async () => {
    const { child, errors, ended } = start('embed')
    child.stdin.on('error', () => undefined)
    child.stdin.write(lines)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    child.stdin.end(lines)
    expect(await ended).toEqual([0, null])
    expect(await errors).toBe('')
  })

  it('says with its exit code how it went', async () => {
    const { child, errors, ended } = start('ask', 'Why?', '/no/such/folder', '--quiet')
    child.stdin.end()
    expect(await ended).toEqual([1, null])
    expect(await errors).toMatch(/^error TENON_MISSING_FILE /)
  })
})
