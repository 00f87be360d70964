import { describe, expect, it } from 'vitest'
import { type Package, readWorkspace, resolveImport } from './workspace.js'

/** Import cycles between source files, each as the files along it; one for every import that closes a cycle. */
function cycles(packages: Package[]): string[] {
  const imports = new Map(
    packages.flatMap(({ sources }) =>
      sources.map(({ file, imports }) => [file, imports.map((specifier) => resolveImport(specifier, file, packages))] as const),
    ),
  )
  const found: string[] = []
  const finished = new Set<string>()
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (path.includes(file) || finished.has(file)) return
    for (const next of imports.get(file) ?? []) if (next) visit(next, [...path, file])
    finished.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
  return found
}

describe('the imports between source files', () => {
  it('have no cycle, counting those of types', () => {
    expect(cycles(readWorkspace())).toEqual([])
  })

  it('are followed within a package and across packages', () => {
    const pkg = (name: string, imports: Record<string, string[]>): Package => ({
      folder: `packages/${name}`,
      manifest: {
        name: `@tenon/${name}`,
        tenon: { layer: 0 },
        exports: {
          '.': {
            'tenon-source': './src/index.ts',
            import: { types: '', default: '' },
            require: { types: '', default: '' },
          },
        },
      },
      sources: Object.entries(imports).map(([file, imports]) => ({ file: `packages/${name}/src/${file}`, imports })),
    })
    expect(cycles([pkg('a', { 'index.ts': ['./b.js'], 'b.ts': [] })])).toEqual([])
    expect(cycles([pkg('a', { 'index.ts': ['./b.js'], 'b.ts': ['./index.js'] })])).toEqual([
      'packages/a/src/index.ts → packages/a/src/b.ts → packages/a/src/index.ts',
    ])
    expect(cycles([pkg('a', { 'index.ts': ['@tenon/b'] }), pkg('b', { 'index.ts': ['@tenon/a'] })])).toEqual([
      'packages/a/src/index.ts → packages/b/src/index.ts → packages/a/src/index.ts',
    ])
  })
})
