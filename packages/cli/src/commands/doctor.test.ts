import { describe, expect, it } from 'vitest'
import type { Diagnosis } from '../diagnosis.js'
import { open } from '../runtime.js'
import { fakeOpen } from '../testing/fake-open.js'
import { run } from '../testing/run.js'
import { textWidth } from '../text-width.js'
import { UsageError } from '../errors/usage-error.js'

describe('doctor', () => {
  it('runs the model that comes with the command, and finds that Tenon works here', async () => {
    const { code, stdout } = await run(['doctor', '--json'], { open })
    const diagnosis = JSON.parse(stdout) as Diagnosis
    expect(diagnosis.model).toMatchObject({ ok: true, model: '@tenon/model-all-minilm-l6-v2', dimensions: 384 })
    if (!diagnosis.model.ok) throw new Error('no model')
    expect(diagnosis.model.alike - diagnosis.model.unlike).toBeGreaterThan(0.3)
    expect(diagnosis).toMatchObject({ ok: true, node: process.versions.node, platform: `${process.platform} ${process.arch}` })
    for (const version of Object.values(diagnosis.libraries)) expect(version).toMatch(/^\d+\.\d+/)
    expect(code).toBe(0)
  })

  it('tells each device, and why it is not available', async () => {
    const { stdout } = await run(['doctor'])
    expect(stdout).toMatch(/onnx {2}cpu {7}✓ {2}available/)
    expect(stdout).toMatch(/onnx {2}cuda {6}[✓✗] {2}\S/)
    expect(stdout).toMatch(/onnx {2}tensorrt {2}[✓✗] {2}\S/)
  })

  it('keeps its tables within the width', async () => {
    const { stdout } = await run(['doctor'], { columns: 72 })
    for (const line of stdout.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(72)
  })

  it('goes on without a model, says why, and exits with 1', async () => {
    const open = fakeOpen({ before: () => Promise.reject(new UsageError({ message: 'The shelf is empty', remedy: 'Fill it' })) })
    const { code, stdout, stderr } = await run(['doctor'], { open })
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toContain('The shelf is empty\n')
    expect(stdout).toContain('Fill it\n')
    expect(stdout).toMatch(/✗ Tenon cannot answer questions here/)
  })
})
