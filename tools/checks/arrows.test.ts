import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Manifest, type Package, packageOf, readWorkspace } from './workspace.js'

const kinds = ['backend', 'task', 'model', 'store']
const kindOf = (name: string) => kinds.find((kind) => name.startsWith(`@tenon/${kind}`))

/** Tests, and what only tests import. The package @tenon/testing is none itself. */
const isForTests = (file: string) => /(\.test(-d)?|\/test-[a-z-]+|\/src\/(.+\/)?testing\/.+)\.[jt]s$/.test(file)

/** One sentence for each arrow between packages that must not be there. */
function wrongArrows(packages: Package[]): string[] {
  const layers = new Map(packages.map(({ manifest }) => [manifest.name, manifest.tenon.layer]))
  return packages.flatMap(({ folder, manifest, sources }) => {
    const published = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies })
    const declared = [...published, ...Object.keys(manifest.devDependencies ?? {})]

    const upward = published
      .filter((name) => (layers.get(name) ?? -1) >= manifest.tenon.layer)
      .map((name) => `${manifest.name} (layer ${manifest.tenon.layer}) depends on ${name} (layer ${layers.get(name)})`)

    const joined = published
      .filter((name) => manifest.tenon.layer <= 3 && kindOf(manifest.name) && kindOf(name))
      .map((name) => `${manifest.name} depends on ${name}: backends, models and tasks meet only in the runtime`)

    const undeclared = sources.flatMap(({ file, imports }) => {
      // A test may use its own package by name, as a user would.
      const allowed = isForTests(file) ? [...declared, manifest.name] : published
      return imports
        .filter((specifier) => {
          if (specifier.startsWith('.')) return !join(file, '..', specifier).startsWith(join(folder, 'src')) || (!isForTests(file) && isForTests(join(file, '..', specifier)))
          return packageOf(specifier) !== undefined && !allowed.includes(packageOf(specifier) ?? '')
        })
        .map((specifier) => `${file} imports ${specifier}, which ${manifest.name} does not declare`)
    })

    return [...upward, ...joined, ...undeclared]
  })
}

/**
 * Packages that need each other, counting what only their tests need, each time as the packages along the circle. Nothing
 * could say which of them is built first.
 */
function circles(packages: Package[]): string[] {
  const arrows = new Map(
    packages.map(({ manifest: { name, dependencies, peerDependencies, optionalDependencies, devDependencies } }) => [
      name,
      Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies, ...devDependencies }),
    ]),
  )
  const found: string[] = []
  const finished = new Set<string>()
  const visit = (name: string, path: string[]) => {
    if (path.includes(name)) found.push([...path.slice(path.indexOf(name)), name].join(' → '))
    if (path.includes(name) || finished.has(name)) return
    for (const next of arrows.get(name) ?? []) visit(next, [...path, name])
    finished.add(name)
  }
  for (const name of arrows.keys()) visit(name, [])
  return found
}

describe('the arrows between the packages', () => {
  it('all point to a lower layer, are declared, and never join backends, models and tasks', () => {
    expect(wrongArrows(readWorkspace())).toEqual([])
  })

  it('never go round in a circle, counting those of tests', () => {
    expect(circles(readWorkspace())).toEqual([])
  })

  const pkg = (name: string, layer: number, manifest: Partial<Manifest> = {}, imports: string[] = [], file = 'index.ts'): Package => ({
    folder: `packages/${name}`,
    manifest: { name: `@tenon/${name}`, tenon: { layer }, exports: {}, ...manifest },
    sources: [{ file: `packages/${name}/src/${file}`, imports }],
  })

  it('may not point to the same or a higher layer', () => {
    const up = pkg('graph', 1, { dependencies: { '@tenon/checkpoint': 'workspace:^' } })
    expect(wrongArrows([up, pkg('checkpoint', 1)])).toEqual(['@tenon/graph (layer 1) depends on @tenon/checkpoint (layer 1)'])
  })

  it('may point to any layer in tests, which need something to run on, as long as they go round in no circle', () => {
    const test = { devDependencies: { '@tenon/backend-onnx': 'workspace:^' } }
    const models = pkg('models', 2, test, ['@tenon/backend-onnx'], 'bert.test.ts')
    expect(wrongArrows([models, pkg('backend-onnx', 3)])).toEqual([])
    expect(circles([models, pkg('backend-onnx', 3)])).toEqual([])
    const back = pkg('backend-onnx', 3, { devDependencies: { '@tenon/models': 'workspace:^' } })
    expect(circles([models, back])).toEqual(['@tenon/models → @tenon/backend-onnx → @tenon/models'])
  })

  it('may be drawn by tests alone where they are declared for development', () => {
    const models = pkg('models', 2, { devDependencies: { '@tenon/backend-onnx': 'workspace:^' } }, ['@tenon/backend-onnx'], 'bert.ts')
    expect(wrongArrows([models, pkg('backend-onnx', 3)])).toEqual(['packages/models/src/bert.ts imports @tenon/backend-onnx, which @tenon/models does not declare'])
  })

  it('may point to the conformance suites in tests of any layer, and the suites are no tests themselves', () => {
    const suites = pkg('testing', 4, { dependencies: { '@tenon/core': 'workspace:^' } }, ['@tenon/core'], 'index.ts')
    const models = pkg('models', 2, { devDependencies: { '@tenon/testing': 'workspace:^' } }, ['@tenon/testing'], 'bert.test.ts')
    expect(wrongArrows([pkg('core', 0), models, suites])).toEqual([])
    expect(wrongArrows([pkg('core', 0), pkg('models', 2, { dependencies: { '@tenon/testing': 'workspace:^' } }), suites])).toEqual(['@tenon/models (layer 2) depends on @tenon/testing (layer 4)'])
    const using = pkg('testing', 4, { devDependencies: { '@tenon/backend-onnx': 'workspace:^' } }, ['@tenon/backend-onnx'], 'index.ts')
    expect(wrongArrows([using])).toEqual(['packages/testing/src/index.ts imports @tenon/backend-onnx, which @tenon/testing does not declare'])
  })

  it('may join a backend and a model family in tests only', () => {
    const models = pkg('models', 2)
    const test = { devDependencies: { '@tenon/models': 'workspace:^' } }
    expect(wrongArrows([models, pkg('backend-onnx', 3, test, ['@tenon/models/bert'], 'bert.test.ts')])).toEqual([])
    expect(wrongArrows([models, pkg('backend-onnx', 3, { dependencies: test.devDependencies })])).toHaveLength(1)
  })

  it('may not be drawn by an import that package.json does not declare', () => {
    const core = pkg('core', 0)
    expect(wrongArrows([core, pkg('graph', 1, {}, ['@tenon/core'])])).toHaveLength(1)
    expect(wrongArrows([core, pkg('graph', 1, {}, ['../../core/src/index.js'])])).toHaveLength(1)
    expect(wrongArrows([core, pkg('graph', 1, { dependencies: { '@tenon/core': 'workspace:^' } }, ['@tenon/core', 'node:fs'])])).toEqual([])
  })
})
