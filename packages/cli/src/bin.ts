#!/usr/bin/env node
import { fstatSync } from 'node:fs'
import { exitCodes } from './exit-codes.js'
import { main } from './main.js'

const interruption = new AbortController()
process.on('SIGINT', () => {
  // The second time there is no asking.
  if (interruption.signal.aborted) process.exit(exitCodes.interrupted)
  interruption.abort()
})
process.on('SIGTERM', () => interruption.abort())

/** Whether a pipe or a file stands behind stdin. A terminal, or /dev/null, is nothing to read from. */
function isPiped(): boolean {
  try {
    // As bigint, since Node's realpathSync takes what the last plain fstatSync found for its own, and at a pipe stops to
    // follow links: then imports below linked packages fail.
    const input = fstatSync(0, { bigint: true })
    return input.isFIFO() || input.isFile() || input.isSocket()
  } catch {
    return false
  }
}

process.exitCode = await main({
  argv: process.argv.slice(2),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: isPiped() ? process.stdin : undefined,
  terminal: process.stdin.isTTY && process.stdout.isTTY ? { input: process.stdin, output: process.stdout } : undefined,
  env: process.env,
  signal: interruption.signal,
})
