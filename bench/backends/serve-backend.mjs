import { tensor } from '@tenon/core'
import { trainingFeeds, trainingGraph } from './training-block.mjs'
import { encoder, feeds, shapes } from './encoders.mjs'
import { manyOps } from './many-ops.mjs'
import { open } from './contenders.mjs'

// One backend on one device, driven by messages.
const { backend, options, tensorflow } = await open(process.argv[2])
let executable

const graphs = {
  training: () => trainingGraph(),
  ops: ({ count }) => manyOps(count),
  encoder: ({ shape }) => encoder(shapes[shape]),
}

const answers = {
  /** Compiles one of the graphs, in place of the one before. */
  async compile(message) {
    await executable?.[Symbol.asyncDispose]()
    const graph = await graphs[message.graph](message)
    const began = performance.now()
    executable = await backend.compile(graph, options, { emit: () => {} })
    return { milliseconds: performance.now() - began, nodes: graph.nodes.length }
  },
  async run({ batch, length }) {
    const fed = feeds(batch, length)
    const began = performance.now()
    const outputs = await executable.run(fed)
    await Promise.all(Object.values(outputs).map((output) => output.data()))
    const milliseconds = performance.now() - began
    for (const output of Object.values(outputs)) output[Symbol.dispose]()
    return milliseconds
  },
  /** The chain of `ops`. */
  async chain() {
    const began = performance.now()
    const { y } = await executable.run({ x: tensor('float32', [8], new Float32Array(8).fill(1)) })
    await y.data()
    const milliseconds = performance.now() - began
    y[Symbol.dispose]()
    return milliseconds
  },
  async step() {
    const fed = trainingFeeds()
    const began = performance.now()
    const outputs = await executable.run(fed)
    const read = Object.fromEntries(await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name.replace(/^gradient\./, ''), await output.data()])))
    const milliseconds = performance.now() - began
    const copied = Object.fromEntries(Object.entries(read).map(([name, values]) => [name, values.slice()]))
    for (const output of Object.values(outputs)) output[Symbol.dispose]()
    return { milliseconds, read: copied }
  },
  /** A run, and how much of it TensorFlow.js's kernels took: what is left is the interpreter's own, and the timing's. */
  async overhead({ batch, length }) {
    tensorflow.reset()
    const milliseconds = await answers.run({ batch, length })
    return { milliseconds, ...tensorflow.spent() }
  },
}
process.on('message', async (message) => process.send(await answers[message.what](message)))
process.on('disconnect', () => process.exit(0))
