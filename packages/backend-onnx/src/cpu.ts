import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'

function cpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return '' // only Linux has it
  }
}

/**
 * Physical cores this process may use: two threads on one core's hyperthreads share its vector units and gain nothing.
 * Where cores cannot be told from hyperthreads, what the system calls its parallelism.
 */
export function physicalCores(text = cpuinfo(), parallelism = availableParallelism()): number {
  const cores = new Set<string>()
  for (const processor of text.split('\n\n')) {
    const core = /^core id\s*: (\d+)/m.exec(processor)?.[1]
    const socket = /^physical id\s*: (\d+)/m.exec(processor)?.[1]
    if (core !== undefined) cores.add(`${socket}:${core}`)
  }
  return cores.size === 0 ? parallelism : Math.max(1, Math.min(cores.size, parallelism))
}

/** What matters to ONNX Runtime's kernels, in words for `probe`. */
export function describeCpu(text = cpuinfo()): Record<string, string> {
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  const flags = /^(?:flags|Features)\s*: (.*)$/m.exec(text)?.[1]?.split(' ')
  if (flags === undefined) return { cpu: model }
  const worth = ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'amx_int8', 'asimddp', 'i8mm']
  const found = worth.filter((flag) => flags.includes(flag))
  const integerDots = found.some((flag) => !flag.startsWith('avx2') && flag !== 'avx512f')
  return {
    cpu: model,
    cpuFeatures: found.join(', ') || 'none of those ONNX Runtime has special kernels for',
    ...(!integerDots && {
      // Without VNNI the u8·s8 products are summed in pairs in 16 bits (vpmaddubsw), which saturates.
      quantization: 'no integer dot product (VNNI): products of uint8 activations and full-range int8 weights can saturate; quantise weights to 7 bits here',
    }),
  }
}
