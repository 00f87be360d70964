import { spawn } from 'node:child_process'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

// nx runs each package's scripts with pnpm, which a fresh machine has only in node_modules/.bin. nx also drops what begins with
// the workspace's node_modules from the PATH it hands on, hence the way round.
const binaries = `${root}tools/../node_modules/.bin`

const environment = {
  ...process.env,
  PATH: binaries + delimiter + process.env.PATH,
  NX_DAEMON: 'false',
  NX_TUI: 'false',
  // nx starts tasks on a terminal of its own, so that they would write colours into a log file.
  ...(process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: '0' }),
}

/** A message about the set-up. It goes to stderr: stdout belongs to the command that was asked for. */
export const say = (message) => process.stderr.write(`tenon: ${message}\n`)

export const secondsSince = (began) => ((performance.now() - began) / 1000).toFixed(1)

/** Runs a program with this process's own input and output, and resolves with its exit code. */
export const run = (program, args) => exitCode(start(program, args, 'inherit'))

/** Runs every command, even after one that failed, and resolves with the first exit code that is not 0. */
export async function inTurn(...commands) {
  let first = 0
  for (const command of commands) {
    const code = await command()
    first = first || code
  }
  return first
}

/** Runs a program that does one step of the set-up. Its output is shown live, or held back and shown only if it fails. */
export async function step(label, program, args, { live = false } = {}) {
  const began = performance.now()
  say(`${label} …`)
  const child = start(program, args, live ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'])
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk))
  const code = await exitCode(child)
  if (code !== 0) {
    process.stderr.write(Buffer.concat(output))
    throw new Error(`${label}: failed with exit code ${code}`)
  }
  say(`${label}: done in ${secondsSince(began)} s`)
}

function start(program, args, stdio) {
  // On Windows npm and what stands in node_modules/.bin are .cmd files, which only a shell starts.
  const shell = process.platform === 'win32' && program !== 'node'
  return spawn(program, args, { cwd: root, env: environment, stdio, shell })
}

const exitCode = (child) =>
  new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
