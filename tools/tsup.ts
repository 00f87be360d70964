import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { defineConfig, type Options } from 'tsup'

interface Manifest {
  exports: Record<string, string | { 'tenon-source': string; import: { default: string } }>
  bin?: Record<string, string>
}

// tsup runs in the package's folder.
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest

/** './dist/onnx/index.js' is the entry named 'onnx/index'. */
const entryName = (file: string) => file.replace(/^\.\/dist\/(.*)\.js$/, '$1')

const libraries = Object.fromEntries(
  Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [] : [[entryName(target.import.default), target['tenon-source']]],
  ),
)
const commands = Object.fromEntries(
  Object.values(manifest.bin ?? {}).map((file) => [entryName(file), `src/${entryName(file)}.ts`]),
)

/** tsup names a CommonJS file in its own source map by its absolute path: of this machine, and wrong on any other. */
const relativeMaps: NonNullable<Options['plugins']>[number] = {
  name: 'relative-maps',
  buildEnd({ writtenFiles }) {
    for (const { name } of writtenFiles) {
      if (!name.endsWith('.cjs.map')) continue
      const map = JSON.parse(readFileSync(name, 'utf8')) as { file: string; sources: string[] }
      const sources = map.sources.map((source) => (source === map.file ? basename(source) : source))
      writeFileSync(name, JSON.stringify({ ...map, file: basename(map.file), sources }))
    }
  },
}

/** With splitting, tsup has sucrase write the CommonJS, which takes a private field for the export of its name and sets both. */
const privateNames: NonNullable<Options['plugins']>[number] = {
  name: 'private-names',
  buildEnd({ writtenFiles }) {
    for (const { name } of writtenFiles) {
      const [, field] = (name.endsWith('.cjs') && /(#[\w$]+) = exports\./.exec(readFileSync(name, 'utf8'))) || []
      if (field) throw new Error(`${name} overwrites the export that the private field ${field} is named like: rename the field.`)
    }
  },
}

/** Of what is built: whatever a package keeps for its next start is kept under it, so that other code never takes it for its own. */
function digestOfSources(): string {
  const hash = createHash('sha256')
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  for (const name of sources.toSorted()) hash.update(JSON.stringify([name, readFileSync(join('src', name), 'utf8')]))
  return hash.digest('hex').slice(0, 16)
}

const shared: Options = {
  define: { TENON_REVISION: JSON.stringify(digestOfSources()) },
  target: 'node20', // also lowers `using` and `await using`, which Node 20 cannot parse
  sourcemap: true,
  splitting: true, // what two entries share exists once, in CJS too
  shims: true, // import.meta.url in CJS
  plugins: [relativeMaps, privateNames],
}

const builds: Options[] = []
if (Object.keys(libraries).length > 0) builds.push({ ...shared, entry: libraries, format: ['esm', 'cjs'], dts: true })
if (Object.keys(commands).length > 0) builds.push({ ...shared, entry: commands, format: 'esm' })

// Chunks of an older build would be published with the new one. Two builds run at once: each would remove the other's.
const clean = builds.length === 1

/** The build of every package, read from the exports and bin of its package.json. */
export default defineConfig(builds.map((build) => ({ ...build, clean })))
