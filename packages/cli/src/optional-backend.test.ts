import { describe, expect, it } from 'vitest'
import { isInstalled, optionalBackend } from './optional-backend.js'

describe('a backend from a package that is not installed', () => {
  const missing = () => optionalBackend('tfjs', '@tenon/no-such-package', () => Promise.reject(Object.assign(new Error("Cannot find package '@tenon/no-such-package' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' })))

  it('says how to install it when it is probed, and when it is to compile', async () => {
    const backend = await missing()
    expect(await backend.probe()).toEqual({ available: false, reason: '@tenon/no-such-package is not installed: install it beside this command: npm install @tenon/no-such-package' })
    expect(isInstalled(backend)).toBe(false)
    expect(backend.supports({ op: 'Add', inputs: [], outputs: [], attributes: {} }, [])).toBe(false)
    await expect(backend.compile({} as never, {}, { emit() {} })).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE', remedy: 'Install it beside this command: npm install @tenon/no-such-package' })
  })

  it('says otherwise where the package is there and fails', async () => {
    const backend = await optionalBackend('tfjs', '@tenon/no-such-package', () => Promise.reject(new Error('it needs Node 30\nat …')))
    expect(await backend.probe()).toMatchObject({ reason: expect.stringContaining('@tenon/no-such-package cannot be loaded (it needs Node 30)') })
  })
})
