import { createRuntime } from '@tenon/core'
import { expectTypeOf } from 'vitest'
import { fillMask, type FilledMask } from './index.js'

const runtime = createRuntime({ plugins: [fillMask()] })
const fill = await runtime.task('fill-mask', { model: 'm' })

// A text has one mask or several, which only a run can tell; flat() makes one list of both.
const filled = await fill('a [MASK]', { topK: 3, targets: 'word' })
expectTypeOf(filled).toEqualTypeOf<FilledMask[] | FilledMask[][]>()
expectTypeOf(filled.flat()).toEqualTypeOf<FilledMask[]>()
expectTypeOf(fill(['a [MASK]'], { targets: ['a', 'b'] })).resolves.toEqualTypeOf<(FilledMask[] | FilledMask[][])[]>()
expectTypeOf(fill.mask).toEqualTypeOf<string>()

// @ts-expect-error -- no text
await fill(5)
// @ts-expect-error -- spelled as in Python
await fill('a [MASK]', { top_k: 3 })
