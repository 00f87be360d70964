import { testBackend } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { tfjs } from './index.js'
import { load, testedDevices } from './testing/devices.js'

describe.each(testedDevices)('on %s', (device) => {
  testBackend(
    { describe, it, afterAll },
    {
      create: () => tfjs({ devices: [device], load }),
      missing: () => tfjs({ devices: [device], load: (name) => Promise.reject(new Error(`Cannot find package '${name}'`)) }),
      devices: [device],
    },
  )
})
