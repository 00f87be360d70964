// Installs packages as a user would: from their tarballs, with npm, into an empty project outside this workspace.
import { execFile } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withDependencies } from './pack.mjs'

/**
 * @typedef {object} Installed
 * @property {string} name
 * @property {string} version
 * @property {string} folder Absolute.
 * @property {boolean} hasInstallScript
 */

/**
 * @typedef {object} Project
 * @property {string} folder
 * @property {readonly Installed[]} packages All that stands in node_modules.
 * @property {() => void} remove
 */

/** npm and pnpm tell what they run where they were started; an npm that is started by them would go there. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'npm_config_local_prefix' && !/^npm_(package|lifecycle)_/.test(name)))

/** @returns {Promise<string>} */
export function npm(args, cwd) {
  return new Promise((resolve, reject) => {
    execFile('npm', args, { cwd, env: environment, shell: process.platform === 'win32', maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      error ? reject(new Error(`npm ${args[0]} failed in ${cwd}:\n${stderr}`)) : resolve(stdout),
    )
  })
}

/** Why nothing can be installed from the registry, or undefined. */
export async function registryProblem() {
  try {
    await npm(['view', 'onnxruntime-node', 'version', '--fetch-retries=1', '--fetch-timeout=20000'], tmpdir())
    return undefined
  } catch (error) {
    return error.message
  }
}

/** Two at a time: npm is busy with one core and one disk. */
let free = 2
const line = []

/**
 * A new project with these packages of ours (and `others` of the registry, by version) and nothing else. No install script runs.
 * @param {Map<string, import('./pack.mjs').Packed>} packed From `pack()`.
 * @param {readonly string[]} names
 * @param {Record<string, string>} [others]
 * @returns {Promise<Project>}
 */
export async function install(packed, names, others = {}) {
  if (free === 0) await new Promise((resolve) => line.push(resolve))
  else free--
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tenon-install-')))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    const file = (name) => [name, `file:${packed.get(name).tarball}`]
    // What ours depend on of ours is not in any registry at this version.
    const rest = [...withDependencies(packed, names)].filter((name) => !names.includes(name))
    const manifest = { name: 'empty', private: true, dependencies: { ...Object.fromEntries(names.map(file)), ...others }, overrides: Object.fromEntries(rest.map(file)) }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2))
    await npm(['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--fetch-timeout=60000'], folder)
    return { folder, packages: installedIn(folder), remove }
  } catch (error) {
    remove()
    throw error
  } finally {
    const next = line.shift()
    if (next) next()
    else free++
  }
}

/** @returns {Installed[]} */
function installedIn(folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8'))
  return Object.entries(packages)
    .map(([path, { version, hasInstallScript = false }]) => ({ name: path.split('node_modules/').pop(), version, folder: join(folder, path), hasInstallScript }))
    .filter((found) => existsSync(found.folder))
}

/** Bytes of all files in a folder, without what a disk adds for its blocks. `keep` leaves files out, by path from the folder. */
export function bytesIn(folder, keep = () => true) {
  let sum = 0
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stats = lstatSync(join(folder, path))
    if (stats.isFile() && keep(path)) sum += stats.size
  }
  return sum
}
