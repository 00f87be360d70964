import { describe, expect, it } from 'vitest'
import { setGpuEnvironment } from './gpu-environment.js'

describe('the environment of a GPU', () => {
  it('leaves memory to others, and keeps float32 exact unless told', () => {
    const environment: Record<string, string | undefined> = {}
    setGpuEnvironment({ tf32: true }, environment)
    expect(environment).toEqual({ TF_FORCE_GPU_ALLOW_GROWTH: 'true' })
    setGpuEnvironment({ tf32: false }, environment)
    expect(environment).toEqual({ TF_FORCE_GPU_ALLOW_GROWTH: 'true', NVIDIA_TF32_OVERRIDE: '0' })
  })

  it('stays as the program has set it', () => {
    const environment = { TF_FORCE_GPU_ALLOW_GROWTH: 'false', NVIDIA_TF32_OVERRIDE: '1' }
    setGpuEnvironment({ tf32: false }, environment)
    expect(environment).toEqual({ TF_FORCE_GPU_ALLOW_GROWTH: 'false', NVIDIA_TF32_OVERRIDE: '1' })
  })
})
