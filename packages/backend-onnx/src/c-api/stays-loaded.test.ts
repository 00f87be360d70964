import { setTimeout as later } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { tensor } from '@tenon/core'
import { expect, it } from 'vitest'

import { onnx } from '../index.js'
import { doubling } from '../testing/graphs.js'

it('stays loaded when the garbage collector runs, also where no thread of the library holds it', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const backend = onnx({ binding: 'native', threads: 1 })
  const executable = await backend.compile(doubling, {}, { emit: () => {} })
  for (let round = 0; round < 5; round++) {
    collect()
    await later(5) // finalizers run from the event loop
    using y = (await executable.run({ x: tensor('float32', [2], Float32Array.of(round, 1)) })).y!
    expect(Array.from((await y.data()) as Float32Array)).toEqual([2 * round, 2])
  }
  await backend.dispose?.()
})
