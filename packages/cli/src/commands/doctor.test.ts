import { describe, expect, it } from 'vitest'
import type { Diagnosis } from '../diagnosis.js'
import { open } from '../runtime.js'
import { fakeOpen } from '../testing/fake-open.js'
import { run } from '../testing/run.js'
import { textWidth } from '../text-width.js'
import { UsageError } from '../errors/usage-error.js'

describe('doctor', () => {
  it('runs the model that comes with the command, and finds that Tenon works here', async () => {
    const { code, stdout } = await run(['doctor', '--json', '--quick'], { open })
    const diagnosis = JSON.parse(stdout) as Diagnosis
    expect(diagnosis.model).toMatchObject({ ok: true, model: '@tenon/model-all-minilm-l6-v2', dimensions: 384 })
    if (!diagnosis.model.ok) throw new Error('no model')
    expect(diagnosis.model.alike - diagnosis.model.unlike).toBeGreaterThan(0.3)
    expect(diagnosis).toMatchObject({ ok: true, node: process.versions.node, platform: `${process.platform} ${process.arch}` })
    for (const version of Object.values(diagnosis.libraries)) expect(version).toMatch(/^\d+\.\d+/)
    expect(code).toBe(0)
  })

  it('tells of each backend and device what it runs and how fast it is, or why it is not available', async () => {
    const { stdout } = await run(['doctor', '--json'])
    const { backends } = JSON.parse(stdout) as Diagnosis
    expect(backends.map(({ name }) => name)).toEqual(['onnx', 'tfjs'])
    const [onnx] = backends
    expect(onnx!.runs!.families.every(({ runs, missing }) => runs && missing === null)).toBe(true)
    expect(onnx!.runs!.families.map(({ family }) => family)).toContain('deberta-v2')
    expect(onnx!.runs!.operators.native).toBeGreaterThan(20)
    expect(onnx!.devices.map(({ device }) => device)).toEqual(['cpu', 'cuda', 'tensorrt'])
    const [cpu] = onnx!.devices
    if (cpu?.speed?.ok !== true) throw new Error('not measured')
    expect(cpu.speed.milliseconds).toBeGreaterThan(0.1)
    expect(cpu.speed.milliseconds).toBeLessThan(cpu.speed.loadMilliseconds)
    // A text of 128 tokens is 0.48 thousand million operations; with more texts at once it gets no slower.
    expect(cpu.speed.gigaflops * cpu.speed.milliseconds).toBeGreaterThan(0.48 * 1000 * 0.99)
    const missing = backends.flatMap(({ devices }) => devices).filter(({ available }) => !available)
    for (const { reason, speed } of missing) expect([speed, typeof reason]).toEqual([null, 'string'])
  })

  it('draws it as a table, with the reasons below, each once', async () => {
    const { stdout } = await run(['doctor', '--quick'])
    expect(stdout).toMatch(/^Backends +encoders +kernels$/m)
    expect(stdout).toMatch(/^ {2}onnx {2}cpu +✓ +(\d+) of \1 +\d+ of \d+$/m)
    expect(stdout).toMatch(/^ {2}onnx {2}cuda +[✓✗] {2}(see 1| +\d)/m)
    expect(stdout).toMatch(/^ {2}tfjs {2}gpu +[✓✗] {2}(see \d| +\d)/m)
    expect(stdout).not.toContain('GFLOP/s')
  })

  it.each([[80], [72]])('keeps within %i columns', async (columns) => {
    const { stdout } = await run(['doctor', '--quick'], { columns })
    for (const line of stdout.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(columns)
  })

  it('goes on without a model, says why, and exits with 1', async () => {
    const open = fakeOpen({ before: () => Promise.reject(new UsageError({ message: 'The shelf is empty', remedy: 'Fill it' })) })
    const { code, stdout, stderr } = await run(['doctor', '--quick'], { open })
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toContain('The shelf is empty\n')
    expect(stdout).toContain('Fill it\n')
    expect(stdout).toMatch(/✗ Tenon cannot answer questions here/)
  })
})
