import { channel } from './terminal.js'
import { describe, expect, it } from 'vitest'
import type { Diagnosis } from './diagnosis.js'
import { renderDiagnosis } from './render-diagnosis.js'
import { sink } from './testing/run.js'
import { textWidth } from './text-width.js'

const runs = { families: [{ family: 'bert', runs: true, missing: null }, { family: 'deberta-v2', runs: false, missing: 'Einsum' }], operators: { native: 24, lowered: ['Gelu'] } }
const speed = (milliseconds: number, gigaflops: number) => ({ ok: true, loadMilliseconds: 2 * milliseconds, milliseconds, gigaflops }) as const
const diagnosis: Diagnosis = {
  ok: true, tenon: '1.0.0', node: '20.19.0', platform: 'linux x64', processor: { model: 'A', threads: 2 }, memory: { total: 8e9, available: 4e9, process: 1e8 }, libraries: {},
  model: { ok: true, model: 'm', dimensions: 3, loadMilliseconds: 1, millisecondsPerText: 1, alike: 1, unlike: 0 },
  backends: [
    {
      name: 'onnx', probe: { available: true, devices: [] }, runs,
      devices: [
        { device: 'cpu', available: true, speed: speed(3.21, 123.4) },
        { device: 'cuda', available: false, reason: 'no driver: install it', speed: null },
        { device: 'tensorrt', available: false, reason: 'no driver: install it', speed: null },
      ],
    },
    { name: 'tfjs', probe: { available: true, devices: [] }, runs, devices: [{ device: 'wasm', available: true, speed: speed(1234, 0.567) }, { device: 'cpu', available: true, speed: { ok: false, error: { code: 'X', message: 'It ran out of memory', remedy: 'Buy some' } } }] },
    { name: 'other', probe: { available: false, reason: 'not installed: install it' }, runs: null, devices: [] },
  ],
}
const style = (env: Record<string, string> = {}) => channel(sink({ columns: 80 }), env)

describe('the table of backends', () => {
  it('has a line for each device: what it runs, how fast it is, or where the reason stands', () => {
    const lines = renderDiagnosis(diagnosis, style())
    const from = lines.findIndex((line) => line.startsWith('Backends'))
    expect(lines.slice(from, lines.indexOf('', lines.indexOf('What is missing')))).toEqual([
      'Backends              encoders   kernels  a layer       at most',
      '  onnx   cpu       ✓    1 of 2  24 of 25   3.2 ms   123 GFLOP/s',
      '  onnx   cuda      ✗  see 1',
      '  onnx   tensorrt  ✗  see 1',
      '  tfjs   wasm      ✓    1 of 2  24 of 25    1.2 s  0.57 GFLOP/s',
      '  tfjs   cpu       ✗  see 2',
      '  other            ✗  see 3',
      '',
      '  encoders: families of models that it runs. kernels: operators that these are',
      '  made of and it has; the others it computes in simpler ones.',
      '  A layer is one of all-MiniLM-L6-v2, in float32: the time for one text of 128',
      '  tokens, and the most operations a second with many.',
      '  onnx cannot run deberta-v2, for it lacks Einsum.',
      '  tfjs cannot run deberta-v2, for it lacks Einsum.',
      '',
      'What is missing',
      '  1  onnx/cuda, onnx/tensorrt: no driver: install it',
      '  2  tfjs/cpu: It ran out of memory. Buy some',
      '  3  other: not installed: install it',
    ])
  })

  it('is as wide in colour', () => {
    const bare = renderDiagnosis(diagnosis, style()).map(textWidth)
    expect(renderDiagnosis(diagnosis, style({ FORCE_COLOR: '1' })).map(textWidth)).toEqual(bare)
  })
})
