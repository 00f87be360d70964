import { inlineConstant, tensor, type Graph } from '@tenon/core'

import type { Binding } from '../binding.js'
import type { DeviceSettings } from '../devices.js'
import { prepareModel } from '../weights/prepare-model.js'

/** y = x + [10, 20, 30], in a type whose elements would come out scrambled if anything were off by a word. */
const graph: Graph = {
  name: 'self-test',
  inputs: [{ name: 'x', dtype: 'int64', shape: ['rows', 3] }],
  outputs: [{ name: 'y', dtype: 'int64', shape: ['rows', 3] }],
  nodes: [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'], attributes: {} }],
  constants: new Map([['c', inlineConstant('int64', [3], BigInt64Array.of(10n, 20n, 30n))]]),
}

/** @throws Error when the device cannot be used, or the binding does not compute what it must: slots, parameters or types are not what they are thought to be. */
export async function selfTest(binding: Binding, device: DeviceSettings = { device: 'cpu' }): Promise<void> {
  const session = await binding.open([{ model: await prepareModel(graph, {}), inputs: ['x'], outputs: ['y'] }], { inputs: ['x'], outputs: ['y'], device, prepack: true, updates: [undefined], sizes: [undefined] })
  try {
    const [y] = await session.run([tensor('int64', [2, 3], BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n))])
    const found = y === undefined ? '' : `${y.dtype} [${y.shape.join()}] ${String(await y.data())}`
    y?.[Symbol.dispose]()
    if (found !== 'int64 [2,3] 11,22,33,14,25,36') throw new Error(`the self-test gave '${found}'`)
  } finally {
    await session.close()
  }
}
