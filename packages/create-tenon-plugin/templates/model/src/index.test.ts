import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inlineConstant, NoSuchHeadError, WeightMismatchError } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { testModel } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { pluginFunction } from './index.js'

const [vocabulary, hidden, labels] = [7, 4, 3]
/** Numbers that look random and are the same each time. */
const noise = (count: number, seed: number) => Float32Array.from({ length: count }, (_, at) => Math.sin((at + seed) * 12.9898))
const [table, weight, bias] = [noise(vocabulary * hidden, 1), noise(labels * hidden, 100), noise(labels, 200)]

// Texts of three tokens and of two: the second is padded.
const ids = [[1, 5, 3], [6, 2, 0]]
const mask = [[1, 1, 1], [1, 1, 0]]

// What the paper says, in plain JavaScript: no reference has this family. For one that has, write expected.json with the reference.
const states = ids.map((row) => row.map((id) => Array.from(table.subarray(id * hidden, (id + 1) * hidden))))
const means = states.map((rows, text) => rows[0]!.map((_, at) => rows.reduce((sum, row, token) => sum + row[at]! * mask[text]![token]!, 0) / mask[text]!.reduce((a, b) => a + b)))
const logits = means.map((mean) => Array.from(bias, (shift, label) => mean.reduce((sum, value, at) => sum + value * weight[label * hidden + at]!, shift)))

/** A fixture, as the suite reads them: a checkpoint, inputs, and what a reference makes of them. */
async function fixture(head: string, outputs: Readonly<Record<string, readonly unknown[]>>) {
  const folder = mkdtempSync(join(tmpdir(), 'plugin-name-'))
  const write = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content))
  write('config.json', { model_type: 'plugin-name', vocab_size: vocabulary, hidden_size: hidden, id2label: { 0: 'a', 1: 'b', 2: 'c' } })
  write('inputs.json', { padded: { input_ids: tensorOf(ids), attention_mask: tensorOf(mask) } })
  write('expected.json', { weights: 'model.safetensors', inputs: 'inputs.json', cases: { padded: Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, tensorOf(values)])) } })
  await writeSafetensors(join(folder, 'model.safetensors'), [
    ['embeddings.weight', inlineConstant('float32', [vocabulary, hidden], table)],
    ['classifier.weight', inlineConstant('float32', [labels, hidden], weight)],
    ['classifier.bias', inlineConstant('float32', [labels], bias)],
  ])
  return { name: 'tiny', head, folder }
}

/** Lists in lists, by their shape. */
function tensorOf(values: readonly unknown[]): { shape: number[]; data: unknown[] } {
  const inner = Array.isArray(values[0]) ? tensorOf(values[0]).shape : []
  return { shape: [values.length, ...inner], data: values.flat(inner.length) }
}

const fixtures = [await fixture('base', { last_hidden_state: states }), await fixture('sequence-classification', { logits })]
afterAll(() => {
  for (const { folder } of fixtures) rmSync(folder, { recursive: true })
})

testModel({ describe, it, afterAll }, { create: () => pluginFunction(), fixtures, backend: () => onnx({ threads: 1 }) })

describe('a checkpoint that is not of this family', () => {
  it('is told by the weight that it lacks, and a head by those that there are', async () => {
    await using checkpoint = await openFolder(fixtures[0]!.folder)
    const lacking = { ...checkpoint, constants: new Map() }
    await expect(pluginFunction().build(lacking, { head: 'base' })).rejects.toThrow(WeightMismatchError)
    await expect(pluginFunction().build(checkpoint, { head: 'fill-mask' })).rejects.toThrow(NoSuchHeadError)
  })
})
