import type { Attribute, Graph, Node, OpAttributes } from '@tenon/core'
import { expectTypeOf } from 'vitest'
import { gradients } from './gradient/index.js'
import { defineOp, type Value } from './op.js'
import { Cast, Concat, MatMul, Relu, Softmax } from './ops/index.js'

declare module '@tenon/core' {
  interface OpAttributes {
    'org.example::Scaled': { readonly by: number; readonly times?: number | undefined }
  }
}

declare const x: Value

// The attributes of ONNX's operators are facts that @tenon/graph merges in.
expectTypeOf<Node<'Softmax'>['attributes']>().toEqualTypeOf<Readonly<OpAttributes['Softmax']>>()
expectTypeOf<Node<'Softmax'>['attributes']['axis']>().toEqualTypeOf<number | undefined>()
expectTypeOf<Node<'Concat'>['attributes']['axis']>().toEqualTypeOf<number>()
expectTypeOf<object>().toExtend<Node<'Softmax'>['attributes']>()
expectTypeOf<object>().not.toExtend<Node<'Concat'>['attributes']>()
// @ts-expect-error -- Softmax has no such attribute
export type NoSuch = Node<'Softmax'>['attributes']['axes']

// Others add theirs the same way, and what nobody declared takes anything.
expectTypeOf<Node<'org.example::Scaled'>['attributes']['by']>().toEqualTypeOf<number>()
expectTypeOf<Node<'org.example::Other'>['attributes']>().toEqualTypeOf<Readonly<Record<string, Attribute>>>()
expectTypeOf<Graph['nodes'][number]>().toEqualTypeOf<Node>()

// Calls.
expectTypeOf(Relu(x)).toEqualTypeOf<Value>()
Softmax(x)
Softmax(x, { axis: 1 })
Concat([x, x], { axis: 0 })
// @ts-expect-error -- the axis is required
Concat([x, x])
// @ts-expect-error -- a variadic op takes a list
Concat(x, x, { axis: 0 })
// @ts-expect-error -- two inputs
MatMul(x)
// @ts-expect-error -- no attributes
Relu(x, { axis: 1 })
// @ts-expect-error -- an integer
Softmax(x, { axis: '1' })
// @ts-expect-error -- no such element type
Cast(x, { to: 'float31' })

const Scaled = defineOp('org.example::Scaled', {
  since: 1,
  inputs: ['X', 'bias?'],
  attributes: { by: { type: 'float', required: true }, times: { type: 'int', default: 1 }, name: { type: 'string' } },
  infer: ([input, bias], { by, times, name }) => {
    expectTypeOf(times).toEqualTypeOf<number>()
    expectTypeOf(by).toEqualTypeOf<number>()
    expectTypeOf(name).toEqualTypeOf<string | undefined>()
    return bias ?? input
  },
  gradient: ({ inputs: [input, bias], attributes: { times }, gradients: [d] }) => {
    expectTypeOf(input).toEqualTypeOf<Value>()
    expectTypeOf(bias).toEqualTypeOf<Value | undefined>()
    expectTypeOf(times).toEqualTypeOf<number>()
    expectTypeOf(d).toEqualTypeOf<Value | undefined>()
    return [() => input, bias && (() => bias)]
  },
})
expectTypeOf(Scaled.op).toEqualTypeOf<'org.example::Scaled'>()
Scaled(x, undefined, { by: 2 })
// @ts-expect-error -- by is required
Scaled(x, undefined, { times: 2 })

// As many gradients as values.
expectTypeOf(gradients(x, [x, x])).toEqualTypeOf<readonly [Value, Value]>()
expectTypeOf(gradients(x, [] as readonly Value[])).toEqualTypeOf<readonly Value[]>()
