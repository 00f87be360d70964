import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, step } from './steps.mjs'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Says what to do when this Node is older than the repository needs, and undefined when it is not. */
export function nodeProblem(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number)
  const [wantedMajor, wantedMinor] = manifest.engines.node.match(/\d+/g).map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined
  return `Node ${version} is too old: install Node ${wantedMajor}.${wantedMinor} or newer and run this again.`
}

/** Installs the dependencies unless node_modules already holds what pnpm-lock.yaml says. */
export async function install() {
  await installIn(root, `the dependencies with ${manifest.packageManager}`)
  return 0
}

/** Installs what the benchmarks compare with. It is large, and nothing else needs it. */
export const installPeers = () => installIn(join(root, 'bench/peers'), 'what the benchmarks compare with')

async function installIn(folder, what) {
  // A digest and not a time: a checkout touches the lock file without changing it.
  const digest = createHash('sha256').update(readFileSync(join(folder, 'pnpm-lock.yaml'))).digest('hex')
  const stamp = join(folder, 'node_modules', '.installed-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return

  const live = Boolean(process.stderr.isTTY)
  const reporter = live ? 'default' : 'append-only'
  const pnpm = ['exec', '--yes', `--package=${manifest.packageManager}`, '--', 'pnpm', '--dir', folder]
  await step(`installing ${what}`, 'npm', [...pnpm, 'install', '--frozen-lockfile', `--reporter=${reporter}`], { live })
  writeFileSync(stamp, digest)
}
