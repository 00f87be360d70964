import { expect, it } from 'vitest'

import { describeCpu, physicalCores } from './cpu.js'

const processor = (id: number, core: number, flags: string) => `processor\t: ${id}\nphysical id\t: 0\ncore id\t\t: ${core}\nflags\t\t: ${flags}\n`
const hyperthreaded = [0, 1, 2, 3].map((id) => processor(id, id >> 1, 'sse2 avx2')).join('\n')

it('counts cores and not their hyperthreads, within what the process may use', () => {
  expect(physicalCores(hyperthreaded, 4)).toBe(2)
  expect(physicalCores(hyperthreaded, 1)).toBe(1)
  expect(physicalCores('', 6)).toBe(6)
})

it('warns of saturating products where there is no integer dot product', () => {
  expect(describeCpu(hyperthreaded)).toMatchObject({ cpuFeatures: 'avx2', quantization: expect.stringContaining('7 bits') })
  expect(describeCpu(processor(0, 0, 'avx2 avx512f avx512_vnni'))).not.toHaveProperty('quantization')
  expect(describeCpu('')).toEqual({ cpu: expect.any(String) })
})
