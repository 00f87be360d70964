import fs from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { openSafetensors, writeSafetensors } from '@tenon/checkpoint'
import { bytesOf, inlineConstant, lazyConstant, type Constant } from '@tenon/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { counted, normal } from '../test-support.js'
import { derive, type Derivation } from './derive.js'
import { fileIdentity } from './file-identity.js'
import { quantizer } from './quantizer.js'
import { perform } from './threads.js'
import { writeKept } from './write-kept.js'

/** Of several pieces. */
const [ROWS, COLUMNS] = [3000, 2048] as const
const pattern = normal([4099])
const values = Float32Array.from({ length: ROWS * COLUMNS }, (_, index) => pattern[index % 4099]!)
const derivation = (weight = inlineConstant('float32', [ROWS, COLUMNS], values)): Derivation => ({
  recipe: { kind: 'blocks', bits: 4, blockSize: 32 },
  weight,
  axis: 0,
  parts: [{ dtype: 'uint8', shape: [ROWS, COLUMNS / 32, 16] }, { dtype: 'float32', shape: [ROWS, COLUMNS / 32] }],
})

describe('a constant that is derived', () => {
  it('is computed in other threads, piece by piece, and is what one piece would be', async () => {
    const source = counted(inlineConstant('float32', [ROWS, COLUMNS], values))
    const [codes, scales] = derive(derivation(source as never))
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const bytes = [await codes!.bytes(), await scales!.bytes()]
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(5) // the event loop went on
    expect(source.reads()).toBe(1)
    const { parts } = quantizer({ fs, crc32 }).perform({ recipe: { kind: 'blocks', bits: 4, blockSize: 32 }, source: { bytes: bytesOf(values) }, dtype: 'float32', rows: ROWS, columns: COLUMNS, axis: 0, transpose: false })
    expect(bytes.map((part, index) => Buffer.compare(part, parts[index]!))).toEqual([0, 0])
    expect(values[0]).toBe(pattern[0]) // the numbers at hand were not given away to a thread
  })

  it('says of weights that are not finite that they are, as a coded error', async () => {
    const broken = values.slice()
    broken[ROWS * COLUMNS - 1] = NaN
    const [codes, scales] = derive(derivation(inlineConstant('float32', [ROWS, COLUMNS], broken)))
    await expect(codes!.bytes()).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
    await expect(scales!.bytes()).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
  })

  it('says which weight is not finite, as the checkpoint calls it, and in which file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'model.safetensors')
    const broken = normal([64, 32])
    broken[64 * 32 - 1] = Infinity
    const bits = new Uint16Array(16 * 32).fill(0x7fc0)
    await writeSafetensors(path, [
      ['sound', inlineConstant('float32', [64, 32], normal([64, 32]))],
      ['layers.1.weight', inlineConstant('float32', [64, 32], broken)],
      ['layers.2.weight', inlineConstant('bfloat16', [16, 32], bits)],
    ])
    await using file = await openSafetensors(path)
    const problem = async (weight: Constant, rows: number) => {
      const derivation: Derivation = { recipe: { kind: 'blocks', bits: 4, blockSize: 32 }, weight, axis: 0, parts: [{ dtype: 'uint8', shape: [rows, 1, 16] }, { dtype: 'float32', shape: [rows, 1] }] }
      const [codes] = derive(derivation)
      const told = await codes!.bytes().then(() => 'none', (error: Error) => error.message)
      const kept = writeKept(join(folder, 'kept.safetensors'), [{ derivation, names: ['codes', 'scales'] }], { key: 'test', onBytes: () => {} })
      expect(await kept.then(() => 'none', (error: Error) => error.message)).toBe(told)
      return told
    }
    const second = file.tensors.get('layers.1.weight')!
    // Of several matrices in one tensor, the last.
    const part: Constant = { ...second, shape: [16, 32], byteLength: 16 * 32 * 4, file: { path, offset: second.file!.offset + 48 * 32 * 4 } }
    const wide: Constant = { ...lazyConstant('float32', [16, 32], () => Promise.reject(new Error('nobody needs it wide'))), stored: file.tensors.get('layers.2.weight')! }
    for (const [weight, rows, name] of [[second, 64, 'layers.1.weight'], [part, 16, 'layers.1.weight'], [wide, 16, 'layers.2.weight']] as const)
      expect(await problem(weight, rows)).toContain(`The weight '${name}' in ${path} is infinite or not a number`)
    expect(await problem(file.tensors.get('sound')!, 64)).toBe('none')
    expect(await problem(inlineConstant('float32', [64, 32], broken), 64)).toContain('A weight of 64 × 32 is infinite or not a number')
    expect(await problem(lazyConstant('float32', [64, 32], async () => bytesOf(broken), { how: 'rows turned', files: [path] }), 64)).toContain(`A weight of 64 × 32 in ${path} is infinite`)
  })
})

it('work that has not begun ends with its signal, and what has is finished', async () => {
  const abort = new AbortController()
  const job = () => ({ recipe: { kind: 'channels' } as const, source: { bytes: bytesOf(values).slice() }, dtype: 'float32' as const, rows: ROWS, columns: COLUMNS, axis: 0 as const, transpose: true })
  const all = Array.from({ length: 9 }, () => perform(job(), abort.signal))
  abort.abort()
  const ends = await Promise.allSettled(all)
  expect(ends[0]!.status).toBe('fulfilled')
  expect(ends.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'TENON_ABORTED' } })
})

describe('a file of weights', () => {
  it('is known by the name that the hub gave it, wherever its cache is, and otherwise by place, time and contents', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const hash = '0123456789abcdef'.repeat(4)
    await mkdir(join(folder, 'one/blobs'), { recursive: true })
    await writeFile(join(folder, 'one/blobs', hash), 'weights')
    const before = await fileIdentity(join(folder, 'one/blobs', hash))
    await rename(join(folder, 'one'), join(folder, 'two'))
    expect(await fileIdentity(join(folder, 'two/blobs', hash))).toEqual(before)

    await writeFile(join(folder, 'plain'), 'weights')
    const plain = await fileIdentity(join(folder, 'plain'))
    await rename(join(folder, 'plain'), join(folder, 'moved'))
    expect(await fileIdentity(join(folder, 'moved'))).not.toEqual(plain)
  })
})
