import type { Attribute } from '@tenon/core'
import { Gemm, MatMul } from '@tenon/graph/ops'
import type { ChannelLayout } from './quantize-channels.js'

/** [out, in], as PyTorch stores it; comes out [in, out], as integer products want it. */
const transposed: ChannelLayout = { axis: 0, transpose: true, suffix: '' }
const asStored: ChannelLayout = { axis: 1, transpose: false, suffix: '_columns' }

type Reading = (attributes: Readonly<Record<string, Attribute>>) => ChannelLayout | undefined

/** The operators that are linear layers where their second input is a constant; the third, if any, is the bias. */
const readings: Readonly<Record<string, Reading>> = {
  [MatMul.op]: () => asStored,
  [Gemm.op]: ({ alpha = 1, beta = 1, transA = 0, transB = 0 }) => (alpha === 1 && beta === 1 && transA === 0 ? (transB === 1 ? transposed : asStored) : undefined),
}

/** How a node reads its weight if it is a linear layer; `undefined` where it is none. */
export function weightLayout({ op, attributes }: { readonly op: string; readonly attributes: Readonly<Record<string, Attribute>> }): ChannelLayout | undefined {
  return Object.hasOwn(readings, op) ? readings[op]!(attributes) : undefined
}
