import { readFileSync } from 'node:fs'
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

const shared: Options = {
  target: 'node20', // also lowers `using` and `await using`, which Node 20 cannot parse
  sourcemap: true,
  splitting: true, // what two entries share exists once, in CJS too
  shims: true, // import.meta.url in CJS
}

const builds: Options[] = []
if (Object.keys(libraries).length > 0) builds.push({ ...shared, entry: libraries, format: ['esm', 'cjs'], dts: true })
if (Object.keys(commands).length > 0) builds.push({ ...shared, entry: commands, format: 'esm' })

/** The build of every package, read from the exports and bin of its package.json. */
export default defineConfig(builds)
