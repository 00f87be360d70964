import { InvalidGraphError, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { checkUpdates } from './check-updates.js'
import { scalar } from './literals.js'
import { defineOp, type Value } from './op.js'
import { Add, Identity, MatMul, Mul, Neg, ReduceSum, Reshape, Shape, Sub, Transpose } from './ops/index.js'
import { hollow } from './test-support.js'
import { verify } from './verify.js'

/** A graph that moves `w`, [2, 2], in whatever way. */
function graphOf(emit: (builder: GraphBuilder, w: Value, x: Value) => void): Graph {
  const builder = new GraphBuilder('step')
  emit(builder, builder.input('w', 'float32', [2, 2]), builder.input('x', 'float32', [2, 2]))
  return builder.build()
}

/** What is wrong with it, and what to do. */
function complaint(emit: Parameters<typeof graphOf>[0]): string {
  try {
    verify(graphOf(emit))
  } catch (error) {
    if (error instanceof InvalidGraphError) return `${error.message}. ${error.remedy}`
    throw error
  }
  return ''
}

describe('verify, of a graph that updates inputs', () => {
  it('allows an update that whatever reads the old value leads to', () => {
    expect(complaint((builder, w, x) => builder.output('w.next', Sub(Mul(w, scalar(w, 0.5)), MatMul(x, w)), w))).toBe('')
  })

  it('allows one that reads the old value itself, element by element', () => {
    expect(complaint((builder, w, x) => builder.output('w.next', Sub(w, MatMul(x, w)), w))).toBe('')
    expect(complaint((builder, w) => builder.output('w.next', Mul(w, w), w))).toBe('')
  })

  it('allows nodes that read the new value, whenever they do', () => {
    expect(complaint((builder, w, x) => {
      const next = Add(w, x)
      builder.output('w.next', next, w)
      builder.output('total', ReduceSum(MatMul(next, x)))
    })).toBe('')
  })

  it('allows several, of which none reads what another is written over', () => {
    expect(complaint((builder, w, x) => {
      builder.output('w.next', Neg(w), w)
      builder.output('x.next', Neg(x), x)
    })).toBe('')
  })

  it('refuses one that another node may run after, and says which', () => {
    const late = complaint((builder, w, x) => {
      builder.output('w.next', Sub(w, x), w)
      builder.output('y', MatMul(w, x))
    })
    expect(late).toContain("MatMul (which makes 'y') may read 'w' after 'w.next' was written over it")
    expect(late).toContain("Let 'w.next' depend on 'y'")
  })

  it('refuses two of which each reads what the other is written over', () => {
    expect(complaint((builder, w, x) => {
      builder.output('w.next', Add(w, x), w)
      builder.output('x.next', Sub(x, w), x)
    })).toContain("may read 'w' after 'w.next' was written over it")
  })

  it('takes a dependence on a number as well as one on the data', () => {
    const waiting = (waits: boolean) => complaint((builder, w, x) => {
      const loss = ReduceSum(MatMul(w, x), undefined, { keepdims: 0 })
      builder.output('loss', loss)
      builder.output('w.next', Sub(w, waits ? Mul(x, loss) : x), w)
    })
    expect(waiting(true)).toBe('')
    expect(waiting(false)).toContain("may read 'w' after")
  })

  it.each([
    ['another shape', (w: Value) => Reshape(w, Shape(w))],
    ['the other way round', (w: Value) => Transpose(w)],
    ['a view of a view', (w: Value) => Transpose(Identity(Transpose(w)))],
  ])('looks through views: %s', (_, view) => {
    const reading = (waits: boolean) => complaint((builder, w, x) => {
      const read = MatMul(view(w), x)
      builder.output('y', read)
      builder.output('w.next', Sub(w, waits ? read : x), w)
    })
    expect(reading(true)).toBe('')
    expect(reading(false)).toMatch(/may read 'w' after 'w.next' was written over it/)
  })

  it('refuses a view of the old value as an output', () => {
    expect(complaint((builder, w, x) => {
      builder.output('before', Transpose(w))
      builder.output('w.next', Add(w, x), w)
    })).toContain("Transpose (which makes 'before') may read 'w' after")
  })

  it('refuses a node that writes over what it is still reading', () => {
    const reading = complaint((builder, w, x) => builder.output('w.next', MatMul(w, x), w))
    expect(reading).toContain("MatMul reads 'w' while it writes 'w.next' over it")
    expect(reading).toContain("Make 'w.next' in two steps")
    expect(complaint((builder, w, x) => builder.output('w.next', Identity(MatMul(w, x)), w))).toBe('')
  })

  it('refuses a node that may do so through a view, which runtimes melt into it', () => {
    expect(complaint((builder, w, x) => builder.output('w.next', MatMul(x, Transpose(w)), w))).toContain("MatMul reads 'w' while it writes 'w.next' over it")
    expect(complaint((builder, w) => builder.output('w.next', Add(w, Transpose(w)), w))).toContain("Add reads 'w' while it writes 'w.next' over it")
  })

  it("goes by what an operator of the graph's own says of itself", () => {
    const define = (inputs: number[]) => defineOp('test::Blend', { since: 1, inputs: ['A', 'B'], inPlace: { 0: inputs }, infer: ([a]) => a })
    expect(complaint((builder, w, x) => builder.output('w.next', define([0])(w, x), w))).toBe('')
    expect(complaint((builder, w, x) => builder.output('w.next', define([1])(w, x), w))).toContain('test::Blend reads')
    expect(complaint((builder, w) => builder.output('w.next', define([0])(w, w), w))).toContain('test::Blend reads')
  })

  it('refuses an update of another type or shape, a second one, and one that nothing makes', () => {
    expect(complaint((builder, w) => builder.output('w.next', ReduceSum(w), w))).toContain("'w.next' is float32[1, 1] and updates 'w', which is float32[2, 2]")
    expect(complaint((builder, w) => builder.output('w.next', Shape(w), w))).toContain("'w.next' is int64[2]")
    expect(complaint((builder, w, x) => {
      builder.output('once', Add(w, x), w)
      builder.output('twice', Sub(w, x), w)
    })).toContain("may read 'w' after 'once'")
    expect(complaint((builder, w, x) => {
      builder.output('once', Neg(x), w)
      builder.output('twice', Identity(x), w)
    })).toContain("'w' is updated twice")
    const unmade = graphOf((builder) => builder.output('w.next', builder.constant(hollow('float32', [2, 2]), 'zeros')))
    expect(() => verify({ ...unmade, outputs: [{ name: 'zeros', dtype: 'float32', shape: [2, 2] }], updates: new Map([['zeros', 'w']]) })).toThrow("nothing makes 'zeros'")
  })

  it('refuses names that are no output, and no input', () => {
    const graph = graphOf((builder, w, x) => builder.output('y', Add(w, x)))
    expect(() => verify({ ...graph, updates: new Map([['z', 'w']]) })).toThrow("'z' updates 'w', and there is no such output")
    expect(() => verify({ ...graph, updates: new Map([['y', 'v']]) })).toThrow("reads 'v', which nothing before it makes")
    expect(() => checkUpdates({ ...graph, updates: new Map([['y', 'v']]) })).toThrow("'y' updates 'v', and there is no such input")
  })
})
