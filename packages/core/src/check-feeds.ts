import { byteLength } from './data-type.js'
import { InvalidInputError } from './errors/invalid-input-error.js'
import type { ValueInfo } from './graph.js'
import { nearest } from './nearest.js'
import { isHostTensor, type Tensor } from './tensor.js'

/**
 * For backends: the feeds in the order of the inputs, checked against them: names, types, ranks, fixed sizes, symbols that must
 * mean one size in all feeds, and that arrays are as long as their shapes say.
 * @throws InvalidInputError
 */
export function checkFeeds(inputs: readonly ValueInfo[], feeds: Readonly<Record<string, Tensor>>): Tensor[] {
  // A decoder has some sixty inputs, and is run for each token.
  if (Object.keys(feeds).length !== inputs.length || !inputs.every(({ name }) => Object.hasOwn(feeds, name))) checkNames(inputs, feeds)
  const symbols = new Map<string, { size: number; input: string }>()
  return inputs.map((input) => {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined
    if (feed === undefined) {
      throw new InvalidInputError({
        what: `the input '${input.name}'`,
        problem: 'got no feed',
        remedy: `pass a ${input.dtype} tensor of shape [${input.shape.join(', ')}]`,
      })
    }
    checkFeed(input, feed, symbols)
    return feed
  })
}

function checkNames(inputs: readonly ValueInfo[], feeds: Readonly<Record<string, Tensor>>): void {
  const names = inputs.map(({ name }) => name)
  const unknown = Object.keys(feeds).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const close = nearest(unknown, names)
  throw new InvalidInputError({
    what: `the feed '${unknown}'`,
    problem: 'is no input of the graph',
    remedy: close === undefined ? `the inputs are: ${names.join(', ') || 'none'}` : `did you mean '${close}'?`,
  })
}

function checkFeed(input: ValueInfo, feed: Tensor, symbols: Map<string, { size: number; input: string }>): void {
  const { dtype, shape } = feed
  const fail = (problem: string, remedy: string): never => {
    throw new InvalidInputError({ what: `the feed '${input.name}'`, problem, remedy })
  }
  if (dtype !== input.dtype) fail(`is ${dtype}, and the input is ${input.dtype}`, `pass a ${input.dtype} tensor`)
  if (shape.length !== input.shape.length) {
    fail(`has the shape [${shape.join(', ')}], and the input's is [${input.shape.join(', ')}]`, `pass a tensor with ${input.shape.length} axes`)
  }
  input.shape.forEach((dimension, axis) => {
    const size = shape[axis] as number
    if (!Number.isSafeInteger(size) || size < 0) fail(`has the size ${size} on axis ${axis}`, 'sizes are whole numbers from 0 up')
    if (typeof dimension === 'number') {
      if (size !== dimension) fail(`has the size ${size} on axis ${axis}, and the input has ${dimension} there`, `pass a tensor of shape [${input.shape.join(', ')}]`)
      return
    }
    const bound = symbols.get(dimension)
    if (bound === undefined) symbols.set(dimension, { size, input: input.name })
    else if (bound.size !== size) {
      fail(`has ${size} as '${dimension}' (axis ${axis}), and the feed '${bound.input}' has ${bound.size}`, `pass feeds that agree on '${dimension}'`)
    }
  })
  // A host tensor need not come from `tensor()`, and native code must not read past its array.
  if (!isHostTensor(feed)) return
  const expected = byteLength(dtype, shape)
  if (feed.values.byteLength !== expected) fail(`is a ${dtype} tensor of shape [${shape.join(', ')}], which takes ${expected} bytes, and its array has ${feed.values.byteLength}`, 'pass an array whose length is the product of the shape')
}
