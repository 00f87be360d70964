// Every public package as the tarball that would be published. Packed once and kept for all that needs them, and packed anew
// when what goes into one has changed since. Any number of processes may do so at a time.
//   node tools/pack.mjs    packs what has changed and prints where each tarball lies
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = join(root, 'packages')
const kept = join(root, 'node_modules', '.cache', 'tenon-tarballs')
const DAY = 24 * 60 * 60 * 1000

/**
 * @typedef {object} Packed
 * @property {string} name '@tenon/core'
 * @property {string} folder Absolute.
 * @property {Record<string, any>} manifest The package.json in the working tree, not the one in the tarball.
 * @property {string} tarball Absolute path of the .tgz.
 */

/**
 * The tarballs of all public packages by name, or of those named and what they depend on in this workspace. What needs a build
 * must be built.
 * @param {readonly string[]} [names]
 * @returns {Promise<Map<string, Packed>>}
 */
export async function pack(names) {
  const publics = publicPackages()
  const wanted = names ? [...withDependencies(publics, names)] : [...publics.keys()]
  mkdirSync(kept, { recursive: true })
  const queue = [...wanted]
  const packed = new Map()
  const work = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) packed.set(name, { ...publics.get(name), tarball: await tarballOf(publics, name) })
  }
  await Promise.all([work(), work()])
  return new Map(wanted.map((name) => [name, packed.get(name)]))
}

/** @returns {Map<string, Omit<Packed, 'tarball'>>} */
export function publicPackages() {
  const found = new Map()
  for (const folder of readdirSync(packages).map((name) => join(packages, name))) {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) continue
    const manifest = JSON.parse(readFileSync(file, 'utf8'))
    if (!manifest.private) found.set(manifest.name, { name: manifest.name, folder, manifest })
  }
  return found
}

/**
 * The packages named and those of this workspace that are installed with them.
 * @param {Map<string, { manifest: Record<string, any> }>} publics
 * @param {readonly string[]} names
 * @returns {Set<string>}
 */
export function withDependencies(publics, names, found = new Set()) {
  for (const name of names) {
    if (found.has(name) || !publics.has(name)) continue
    found.add(name)
    const { dependencies, peerDependencies, optionalDependencies } = publics.get(name).manifest
    withDependencies(publics, Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }), found)
  }
  return found
}

async function tarballOf(publics, name) {
  const { folder, manifest } = publics.get(name)
  const plain = name.replace('@', '').replace('/', '-')
  const file = join(kept, `${plain}-${fingerprint(publics, folder, manifest)}.tgz`)
  if (existsSync(file)) return file
  const unfinished = `${file}.${process.pid}`
  // pnpm as it is installed here: a machine need have no other.
  const pnpm = join(root, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs')
  await promisify(execFile)(process.execPath, [pnpm, 'pack', '--out', unfinished], { cwd: folder })
  renameSync(unfinished, file)
  // Another process may be reading what was packed a moment ago.
  for (const other of readdirSync(kept)) {
    const path = join(kept, other)
    if (other.startsWith(`${plain}-`) && path !== file && statSync(path, { throwIfNoEntry: false })?.mtimeMs < Date.now() - DAY) rmSync(path, { force: true })
  }
  return file
}

/** Changes when a file that is packed does, and when what "workspace:" and "catalog:" stand for does. */
function fingerprint(publics, folder, manifest) {
  const digest = createHash('sha256')
  digest.update(readFileSync(join(root, 'pnpm-workspace.yaml')))
  for (const { manifest: other } of publics.values()) digest.update(`${other.name} ${other.version}\n`)
  for (const entry of ['package.json', 'README.md', 'LICENSE', ...manifest.files]) {
    const path = join(folder, entry)
    if (!existsSync(path)) {
      if (entry === 'dist') throw new Error(`${path} is missing: build the packages first, with npm run build`)
      continue
    }
    const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => join(path, file)) : [path]
    for (const file of files.toSorted()) {
      const { size, mtimeMs } = statSync(file)
      digest.update(`${file.slice(folder.length)} ${size} ${mtimeMs}\n`)
    }
  }
  return digest.digest('hex').slice(0, 12)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { name, tarball } of (await pack()).values()) console.log(`${name} ${tarball}`)
}
