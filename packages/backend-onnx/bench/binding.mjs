// Compares ways to reach ONNX Runtime: its C API, onnxruntime-node in worker threads, and onnxruntime-node as it is.
//
//   node bench/binding.mjs [--rounds 5] [--shape minilm|bert-base]     (after `npm run build`)
//
// Every sample is a process of its own, and the ways take turns, so that a busy machine is busy for all of them. The
// table gives medians, and in brackets their ratio to onnxruntime-node's own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { encoder, shapes } from './encoder.mjs'

const ways = ['package', 'package, bytes', 'native', 'native, computed', 'native, mapped', 'worker']
const tokens = 128
/** 16,000,000 elements of float32: an output of 64 MB. */
const large = { rows: 4000, columns: 4000 }
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const megabytes = (bytes) => bytes / 2 ** 20

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, shape: { type: 'string', default: 'minilm' }, sample: { type: 'string' }, folder: { type: 'string' } },
})
if (!Object.hasOwn(shapes, options.shape)) throw new Error(`--shape is one of ${Object.keys(shapes).join(', ')}`)
if (options.sample === undefined) await compare()
else process.stdout.write(JSON.stringify(await sample(options.sample, options.folder)))

function simpleGraphs() {
  const x = (shape) => [{ name: 'x', dtype: 'float32', shape }]
  const graph = (name, shape) => ({ name, inputs: x(shape), outputs: [{ name: 'y', dtype: 'float32', shape }], nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'], attributes: {} }], constants: new Map() })
  return { tiny: graph('tiny', ['n']), large: graph('large', ['rows', 'columns']) }
}

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-bench-'))
  try {
    const { encodeOnnx } = await import('@tenon/graph/onnx')
    const graph = encoder(options.shape, join(folder, 'weights'), { write: true })
    const constants = new Map()
    for (const [name, constant] of graph.constants) constants.set(name, { ...constant, inline: await constant.bytes() })
    writeFileSync(join(folder, 'model.onnx'), encodeOnnx({ ...graph, constants }))

    const samples = Object.fromEntries(ways.map((way) => [way, []]))
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const way of ways) {
        const child = spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), '--sample', way, '--folder', folder, '--shape', options.shape], { encoding: 'utf8' })
        if (child.status !== 0) throw new Error(`${way}: ${child.stderr}`)
        samples[way].push(JSON.parse(child.stdout))
      }
    }
    const measures = Object.keys(samples.package[0])
    const reference = Object.fromEntries(measures.map((measure) => [measure, median(samples.package.map((one) => one[measure]))]))
    const rows = [['', ...ways], ['', ...ways].map(() => '---')]
    for (const measure of measures) {
      rows.push([measure, ...ways.map((way) => {
        const value = median(samples[way].map((one) => one[measure]))
        return `${value.toPrecision(3)} (${(value / reference[measure]).toFixed(2)})`
      })])
    }
    process.stdout.write(`${options.shape}, ${options.rounds} rounds\n\n${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** One way to run graphs: `open` gives a function from feeds to nothing, in which outputs are read. */
async function opener(way, folder) {
  if (way.startsWith('package')) {
    const { InferenceSession, Tensor } = await import('onnxruntime-node')
    const { encodeOnnx } = await import('@tenon/graph/onnx')
    return async (graph) => {
      const path = join(folder, 'model.onnx')
      const source = graph.nodes.length === 1 ? encodeOnnx(graph) : way === 'package' ? path : readFileSync(path)
      const session = await InferenceSession.create(source)
      return async (feeds) => {
        const named = Object.entries(feeds).map(([name, { dtype, shape, values }]) => [name, new Tensor(dtype, values, shape)])
        const results = await session.run(Object.fromEntries(named))
        return Object.values(results)[0].data.length
      }
    }
  }
  const { onnx } = await import('@tenon/backend-onnx')
  const backend = onnx({ binding: way.startsWith('native') ? 'native' : 'worker' })
  return async (graph) => {
    const executable = await backend.compile(graph, way.endsWith('mapped') ? { prepack: false } : {}, { emit() {} })
    return async (feeds) => {
      const [output] = Object.values(await executable.run(feeds))
      const { length } = await output.data()
      output[Symbol.dispose]?.()
      return length
    }
  }
}

async function sample(way, folder) {
  const { tensor } = await import('@tenon/core')
  const { tiny, large: largeGraph } = simpleGraphs()
  const open = await opener(way, folder)
  // What is loaded once for a process is not what is compared.
  const runTiny = await open(tiny)
  const graph = encoder(options.shape, join(folder, 'weights'), { computed: way.endsWith('computed') })
  globalThis.gc?.()
  const before = process.memoryUsage().rss

  const started = performance.now()
  const run = await open(graph)
  const load = performance.now() - started
  const peak = megabytes(process.resourceUsage().maxRSS * 1024 - before)
  globalThis.gc?.()
  const held = megabytes(process.memoryUsage().rss - before)

  const row = (fill) => tensor('int64', [1, tokens], BigInt64Array.from({ length: tokens }, fill))
  const feeds = { input_ids: row((_, index) => BigInt(1 + ((index * 37) % 30_000))), attention_mask: row(() => 1n), token_type_ids: row(() => 0n) }
  const time = async (work, count) => {
    const times = []
    for (let index = 0; index < count; index++) {
      const began = performance.now()
      await work()
      times.push(performance.now() - began)
    }
    return median(times)
  }
  await time(() => run(feeds), 5)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const encoderRun = await time(() => run(feeds), 40)
  delay.disable()

  const three = { x: tensor('float32', [3], new Float32Array(3)) }
  await time(() => runTiny(three), 500)
  const tinyRun = await time(() => runTiny(three), 2000)

  const runLarge = await open(largeGraph)
  const big = { x: tensor('float32', [large.rows, large.columns], new Float32Array(large.rows * large.columns)) }
  await time(() => runLarge(big), 3)
  const largeRun = await time(() => runLarge(big), 15)

  return {
    'load, ms': load,
    'memory at the peak of loading, MB': peak,
    'memory held after loading, MB': held,
    'run 1×128, ms': encoderRun,
    'event loop held up at most, ms': delay.max / 1e6,
    'run of one tiny node, µs': tinyRun * 1000,
    'run with an output of 64 MB, ms': largeRun,
  }
}
