import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, inlineConstant, InvalidInputError, lazyConstant } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { openSafetensors } from './safetensors.js'
import { fixture, temporaryFolder } from './test-support.js'
import { writeSafetensors } from './write-safetensors.js'

const vector = inlineConstant('float32', [2], new Float32Array([1, 2]))

describe('writeSafetensors', () => {
  it('writes what it reads: every tensor of a file from Python comes back', async () => {
    const path = join(await temporaryFolder(), 'copy.safetensors')
    await using original = await openSafetensors(fixture('written-by-python.safetensors'))
    await writeSafetensors(path, original.tensors, { metadata: original.metadata })
    await using copy = await openSafetensors(path)
    expect(copy.metadata).toEqual(original.metadata)
    expect(copy.tensors.size).toBe(original.tensors.size)
    for (const [name, constant] of original.tensors) {
      expect(copy.tensors.get(name)).toMatchObject({ dtype: constant.dtype, shape: constant.shape })
      expect(await copy.tensors.get(name)?.bytes()).toEqual(await constant.bytes())
    }
  })

  it('starts the data at a multiple of 8 and aligns every tensor to its element size', async () => {
    const path = join(await temporaryFolder(), 'aligned.safetensors')
    await writeSafetensors(path, [
      ['odd', inlineConstant('uint8', [3], new Uint8Array([1, 2, 3]))],
      ['wide', inlineConstant('float64', [1], new Float64Array([1]))],
      ['narrow', inlineConstant('float16', [1], new Uint16Array([1]))],
    ])
    const headerLength = new DataView((await readFile(path)).buffer).getUint32(0, true)
    expect((8 + headerLength) % 8).toBe(0)
    await using file = await openSafetensors(path)
    expect((file.tensors.get('wide')?.file?.offset ?? 1) % 8).toBe(0)
    expect((file.tensors.get('narrow')?.file?.offset ?? 1) % 2).toBe(0)
  })

  it('may replace the file that its tensors are read from', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors')
    await writeSafetensors(path, [['weight', vector]])
    await using file = await openSafetensors(path)
    await writeSafetensors(path, [...file.tensors, ['more', vector]])
    await using again = await openSafetensors(path)
    expect([...again.tensors.keys()]).toEqual(['weight', 'more'])
  })

  it('writes a file without tensors, and names that need escapes', async () => {
    const folder = await temporaryFolder()
    await writeSafetensors(join(folder, 'empty.safetensors'), [])
    await using empty = await openSafetensors(join(folder, 'empty.safetensors'))
    expect(empty.tensors.size).toBe(0)
    await writeSafetensors(join(folder, 'names.safetensors'), [
      ['a"b\\c\n榫😀', vector],
      ['__proto__', vector],
    ])
    await using names = await openSafetensors(join(folder, 'names.safetensors'))
    expect([...names.tensors.keys()]).toEqual(['a"b\\c\n榫😀', '__proto__'])
  })

  it('leaves neither a file nor a temporary one when a tensor fails, a name is doubled or a type is unknown', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.safetensors')
    const failing = lazyConstant('float32', [2], () => Promise.reject(new Error('no bytes')))
    const short = lazyConstant('float32', [2], async () => new Uint8Array(4))
    await expect(
      writeSafetensors(path, [
        ['weight', vector],
        ['failing', failing],
      ]),
    ).rejects.toThrow('no bytes')
    await expect(writeSafetensors(path, [['short', short]])).rejects.toThrow(/'short' has 4 bytes, expected 8/)
    await expect(
      writeSafetensors(path, [
        ['weight', vector],
        ['weight', vector],
      ]),
    ).rejects.toThrow(InvalidInputError)
    await expect(writeSafetensors(path, [['__metadata__', vector]])).rejects.toThrow(InvalidInputError)
    await expect(writeSafetensors(path, [['q', inlineConstant('int4', [2], new Uint8Array(1))]])).rejects.toThrow(
      /int4/,
    )
    expect(await readdir(folder)).toEqual([])
  })

  it('stops between tensors when it is aborted, and leaves no file', async () => {
    const folder = await temporaryFolder()
    const controller = new AbortController()
    const aborting = lazyConstant('float32', [2], async () => {
      controller.abort()
      return new Uint8Array(8)
    })
    const writing = writeSafetensors(
      join(folder, 'model.safetensors'),
      [
        ['first', aborting],
        ['second', vector],
      ],
      { signal: controller.signal },
    )
    await expect(writing).rejects.toThrow(AbortedError)
    expect(await readdir(folder)).toEqual([])
  })
})
