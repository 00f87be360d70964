import { describe, expect, it } from 'vitest'
import { readWorkspace } from './workspace.js'

describe('the package.json of every package', () => {
  it.each(readWorkspace().map(({ manifest }) => [manifest.name, manifest] as const))(
    'publishes the exports it develops with, without their sources: %s',
    (_, { exports, publishConfig }) => {
      const published = Object.entries(exports).map(([path, entry]) => {
        if (typeof entry === 'string') return [path, entry]
        const { 'tenon-source': _source, ...targets } = entry
        return [path, targets]
      })
      expect(publishConfig?.exports ?? exports).toEqual(Object.fromEntries(published))
    },
  )
})
