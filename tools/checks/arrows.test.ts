import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Manifest, type Package, packageOf, readWorkspace } from './workspace.js'

const kinds = ['backend', 'task', 'model']
const kindOf = (name: string) => kinds.find((kind) => name.startsWith(`@tenon/${kind}`))

/** One sentence for each arrow between packages that must not be there. */
function wrongArrows(packages: Package[]): string[] {
  const layers = new Map(packages.map(({ manifest }) => [manifest.name, manifest.tenon.layer]))
  return packages.flatMap(({ folder, manifest, sources }) => {
    const published = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies })
    const declared = [...published, ...Object.keys(manifest.devDependencies ?? {})]

    // Tests keep to the layers too: one that needs a higher package belongs in that package.
    const upward = declared
      .filter((name) => (layers.get(name) ?? -1) >= manifest.tenon.layer)
      .map((name) => `${manifest.name} (layer ${manifest.tenon.layer}) depends on ${name} (layer ${layers.get(name)})`)

    const joined = published
      .filter((name) => manifest.tenon.layer <= 3 && kindOf(manifest.name) && kindOf(name))
      .map((name) => `${manifest.name} depends on ${name}: backends, models and tasks meet only in the runtime`)

    const undeclared = sources.flatMap(({ file, imports }) => {
      // A test may use its own package by name, as a user would.
      const allowed = /\.test(-d)?\.ts$/.test(file) ? [...declared, manifest.name] : published
      return imports
        .filter((specifier) => {
          if (specifier.startsWith('.')) return !join(file, '..', specifier).startsWith(join(folder, 'src'))
          return packageOf(specifier) !== undefined && !allowed.includes(packageOf(specifier) ?? '')
        })
        .map((specifier) => `${file} imports ${specifier}, which ${manifest.name} does not declare`)
    })

    return [...upward, ...joined, ...undeclared]
  })
}

describe('the arrows between the packages', () => {
  it('all point to a lower layer, are declared, and never join backends, models and tasks', () => {
    expect(wrongArrows(readWorkspace())).toEqual([])
  })

  const pkg = (name: string, layer: number, manifest: Partial<Manifest> = {}, imports: string[] = [], file = 'index.ts'): Package => ({
    folder: `packages/${name}`,
    manifest: { name: `@tenon/${name}`, tenon: { layer }, exports: {}, ...manifest },
    sources: [{ file: `packages/${name}/src/${file}`, imports }],
  })

  it('may not point to the same or a higher layer, not even for tests', () => {
    const up = pkg('graph', 1, { devDependencies: { '@tenon/checkpoint': 'workspace:^' } })
    expect(wrongArrows([up, pkg('checkpoint', 1)])).toEqual(['@tenon/graph (layer 1) depends on @tenon/checkpoint (layer 1)'])
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
