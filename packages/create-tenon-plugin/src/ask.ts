import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'
import { AbortedError, nearest } from '@tenon/core'
import { isKind, kindNames, kinds, type Kind } from './kinds.js'

/** The terminal that questions are asked on. */
export interface Terminal {
  readonly stdin: Readable
  readonly stdout: Writable
}

export const askName = (terminal: Terminal): Promise<string> => ask(terminal, 'Name of the package: ', (answer) => (answer === '' ? undefined : answer))

export function askKind(terminal: Terminal): Promise<Kind> {
  const lines = kindNames.map((name, index) => `  ${index + 1}  ${name.padEnd(11)}${kinds[name]}\n`)
  terminal.stdout.write(lines.join(''))
  return ask(terminal, 'Kind of plugin: ', (answer) => {
    const chosen = kindNames[Number(answer) - 1] ?? nearest(answer, kindNames) ?? answer
    return isKind(chosen) ? chosen : undefined
  })
}

/** Until the answer is one. @throws AbortedError on Ctrl-C and Ctrl-D. */
async function ask<T>({ stdin, stdout }: Terminal, question: string, read: (answer: string) => T | undefined): Promise<T> {
  const interruption = new AbortController()
  const lines = createInterface({ input: stdin, output: stdout })
  for (const event of ['SIGINT', 'close']) lines.on(event, () => interruption.abort())
  try {
    for (;;) {
      const result = read((await lines.question(question, { signal: interruption.signal })).trim())
      if (result !== undefined) return result
    }
  } catch (error) {
    throw interruption.signal.aborted ? new AbortedError(error) : error
  } finally {
    lines.close()
  }
}
