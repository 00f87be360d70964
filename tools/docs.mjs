// Makes the API reference, docs/api: a module for each entry of each package, read from its source.
// A warning is a failure, so that links in comments and types that are not exported stay right.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, LogLevel } from 'typedoc'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The source file of each public entry point, below packages/, and the name it is imported by. */
function entryPoints() {
  return readdirSync(join(root, 'packages')).flatMap((folder) => {
    const { name, exports = {} } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
    return Object.entries(exports).flatMap(([path, { 'tenon-source': source }]) => (source === undefined ? [] : [{ file: posix.join(folder, source), name: name + path.slice(1) }]))
  })
}

const entries = entryPoints()
const app = await Application.bootstrap({
  name: 'Tenon',
  entryPoints: entries.map(({ file }) => join(root, 'packages', file)),
  tsconfig: join(root, 'tools/tsconfig.docs.json'),
  readme: join(root, 'README.md'),
  excludeInternal: true,
  excludePrivate: true,
  disableSources: true,
  sort: ['source-order'],
  validation: { notExported: false, invalidLink: true, notDocumented: false },
  treatWarningsAsErrors: true,
  logLevel: LogLevel.Warn,
})
const project = await app.convert()
if (project === undefined) process.exit(1)
// typedoc names a module after its file; people know it by what they import.
const importedAs = new Map(entries.map(({ file, name }) => [file.replace(/(\/index)?\.ts$/, ''), name]))
for (const module of project.children ?? []) module.name = importedAs.get(module.name) ?? module.name
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1)
const out = join(root, 'docs/api')
await app.generateDocs(project, out)
process.stdout.write(`${relative(process.cwd(), out)}/index.html: ${entries.length} modules\n`)
