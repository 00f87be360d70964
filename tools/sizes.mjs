// Installs every package alone, and the usual sets of packages together, and writes docs/installed-sizes.md.
//   node tools/sizes.mjs
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bytesIn, install } from './installs.mjs'
import { pack } from './pack.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const decoder = ['core', 'checkpoint', 'models', 'compress'].map((name) => `@tenon/${name}`)
const encoder = ['core', 'checkpoint', 'models', 'task-embedding'].map((name) => `@tenon/${name}`)

/** Sets of packages that do a thing together. */
const sets = [
  { what: 'Embeddings on ONNX Runtime', ours: [...encoder, '@tenon/backend-onnx'] },
  { what: 'the same with a model in the package', ours: [...encoder, '@tenon/backend-onnx', '@tenon/model-all-minilm-l6-v2'] },
  { what: 'a knowledge base with a reader on ONNX Runtime', ours: [...encoder, '@tenon/backend-onnx', '@tenon/task-qa'] },
  { what: 'the same, kept in Postgres (embedded)', ours: [...encoder, '@tenon/backend-onnx', '@tenon/task-qa', '@tenon/store-postgres'] },
  { what: 'Code completion on ONNX Runtime', ours: [...decoder, '@tenon/task-codegen', '@tenon/backend-onnx'] },
  { what: 'chat on ONNX Runtime', ours: [...decoder, '@tenon/task-text-generation', '@tenon/backend-onnx'] },
  { what: 'Embeddings on TensorFlow.js in WebAssembly', ours: [...encoder, '@tenon/backend-tfjs-gpu'], others: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'] },
  { what: 'Embeddings on TensorFlow.js in JavaScript', ours: [...encoder, '@tenon/backend-tfjs-gpu'], others: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'] },
  { what: 'Embeddings on TensorFlow itself, without its library', ours: [...encoder, '@tenon/backend-tfjs-gpu'], others: ['@tensorflow/tfjs-node'] },
]

/**
 * What else of this workspace stands in a project where one package was installed, and which packages of others ours asked for.
 * @param {{ name: string }} one
 * @param {readonly import('./installs.mjs').Installed[]} packages
 * @returns {{ ours: string[]; others: string[] }}
 */
export function comesAlong({ name }, packages) {
  const isOurs = (other) => other.startsWith('@tenon/')
  const asked = new Set(
    packages.filter((one) => isOurs(one.name) || one.name === name).flatMap(({ folder }) => {
      const { dependencies, peerDependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })
    }),
  )
  const names = packages.map((one) => one.name).filter((other) => other !== name).toSorted()
  return { ours: names.filter(isOurs), others: names.filter((other) => !isOurs(other) && asked.has(other)) }
}

/** Binaries in the packages of others that this platform never loads. */
function isForeign(path) {
  const [, platform, architecture] = /^onnxruntime-node\/bin\/napi-v\d+\/(\w+)\/(\w+)\//.exec(path) ?? /^tokenizers\/tokenizers\.(\w+)-(\w+)/.exec(path) ?? []
  return platform !== undefined && (platform !== process.platform || architecture !== process.arch)
}

const megabytes = (bytes) => (bytes >= 1e7 ? (bytes / 1e6).toFixed(0) : (bytes / 1e6).toFixed(bytes >= 1e6 ? 1 : 2))
const named = (names) => names.map((name) => `\`${name.replace('@tenon/', '')}\``).join(' ') || '–'
/** All packages of TensorFlow.js have one version. */
const versionOf = (name) => new RegExp(`^  '?${name.replace(/(@tensorflow\/).*/, '$1tfjs-core')}'?: (\\S+)`, 'm').exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))[1]

async function measure(packed, names, others = {}) {
  const project = await install(packed, names, others)
  try {
    const modules = join(project.folder, 'node_modules')
    const own = (name) => (name.startsWith('@tenon/') ? join(modules, name) : undefined)
    return {
      packages: project.packages,
      along: names.length === 1 ? comesAlong({ name: names[0] }, project.packages) : undefined,
      own: bytesIn(own(names[0]) ?? join(modules, names[0])),
      all: bytesIn(modules),
      needed: bytesIn(modules, (path) => !isForeign(path.replaceAll('\\', '/'))),
      scripts: project.packages.filter((one) => one.hasInstallScript).map((one) => one.name),
    }
  } finally {
    project.remove()
  }
}

async function document() {
  const packed = await pack()
  const rows = await Promise.all(
    [...packed.values()].map(async ({ name, tarball }) => {
      const { packages, along, own, all, scripts } = await measure(packed, [name])
      const cells = [`\`${name}\``, named(along.ours), named(along.others), packages.length, megabytes(all), megabytes(own), megabytes(statSync(tarball).size), named(scripts)]
      return `| ${cells.join(' | ')} |`
    }),
  )
  const setRows = await Promise.all(
    sets.map(async ({ what, ours, others = [] }) => {
      const { packages, all, needed } = await measure(packed, ours, Object.fromEntries(others.map((name) => [name, versionOf(name)])))
      return `| ${what} | ${named(ours)} ${others.length > 0 ? named(others) : ''} | ${packages.length} | ${megabytes(all)} | ${megabytes(needed)} |`.replaceAll('  ', ' ')
    }),
  )
  return `# Installed sizes

What stands in \`node_modules\` after \`npm install\` of one package in an empty project, or of a usual set of packages. \`npm run sizes\` writes this page: it packs every package, installs it from its tarball with npm
and without install scripts, and adds up the files. MB are 10⁶ bytes of files, without what a disk adds for its blocks. Measured on ${process.platform} ${process.arch} with Node ${process.versions.node.split('.')[0]};
the packages of others are those that npm chose on that day. CI checks the names in the first table, not the sizes. How to make less of it: [installing](guides/installing.md).

## Each package alone

| package | others of Tenon with it | others' packages it asks for | packages in all | MB in all | MB of its own | MB of its tarball | with install scripts |
|---|---|---|---|---|---|---|---|
${rows.join('\n')}

What others' packages bring along themselves is in the number and not in the list. Optional peers (TensorFlow.js for \`backend-tfjs-gpu\`, \`pg\` for \`store-postgres\`) come only when you install them.

## Usual sets

| what for | packages | packages in all | MB in all | MB without binaries for other platforms |
|---|---|---|---|---|
${setRows.join('\n')}

Downloaded apart from npm, where you want them: the CUDA and TensorRT providers of ONNX Runtime (some 270 MB), and TensorFlow's library (850 MB, for GPUs 1,340 MB).
`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(join(root, 'docs/installed-sizes.md'), await document())
