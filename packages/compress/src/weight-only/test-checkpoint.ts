import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { inlineConstant, lazyConstant, type Checkpoint, type Constant, type Graphs } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { Gemm, Relu, SimplifiedLayerNormalization } from '@tenon/graph/ops'
import { normal } from '../test-support.js'

/** Three layers of `size` × `size`, the middle one in bfloat16, as a folder. */
export async function writeModel(folder: string, size: number, seed = 1): Promise<void> {
  await mkdir(folder, { recursive: true })
  const values = (index: number) => normal([size, size], seed * 10 + index)
  await writeSafetensors(join(folder, 'model.safetensors'), [
    ['first', inlineConstant('float32', [size, size], values(1))],
    ['second', inlineConstant('bfloat16', [size, size], Uint16Array.from(new Uint32Array(values(2).buffer), (word) => word >>> 16))],
    ['third', inlineConstant('float32', [size, size], values(3))],
    ['gamma', inlineConstant('float32', [size], new Float32Array(size).fill(1))],
  ])
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'layers', size }))
}

/** Its graphs: a decoder that is the prefill too, and a model of its own over the same weights. */
export function graphsOf(checkpoint: Checkpoint): Graphs {
  const size = checkpoint.config['size'] as number
  const widened = (constant: Constant): Constant => (constant.dtype === 'float32' ? constant : { ...lazyConstant('float32', constant.shape, () => Promise.reject(new Error('nobody needs it wide'))), stored: constant })
  const make = (name: string) => {
    const builder = new GraphBuilder(name)
    const parameter = (name: string) => builder.constant(widened(checkpoint.constants.get(name)!), name)
    const x = builder.input('x', 'float32', ['rows', size])
    const layers = Gemm(Relu(Gemm(x, parameter('first'), undefined, { transB: 1 })), parameter('second'), undefined, { transB: 1 })
    builder.output('y', Gemm(SimplifiedLayerNormalization(layers, parameter('gamma')), parameter('third'), undefined, { transB: 1 }))
    return builder.build()
  }
  const decoder = make('decoder')
  return { model: make('model'), decoder, prefill: decoder }
}

export const openModel = (folder: string): Promise<Checkpoint> => openFolder(folder)
