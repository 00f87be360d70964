import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Engine } from '../engine.mjs'
import { goal, goalTable, machine, table } from '../report.mjs'
import { median } from '../statistics.mjs'
import { available } from './contenders.mjs'

export const options = {
  tensorflow: { type: 'string', about: 'folder of an installed @tensorflow/tfjs-node or tfjs-node-gpu, to measure it too' },
}

const serve = (name, ...args) => new Engine(fileURLToPath(new URL(`${name}.mjs`, import.meta.url)), args)

/** What every backend runs. JavaScript alone would take minutes for the last. */
const loads = [
  { shape: 'MiniLM', batch: 1, length: 32 },
  { shape: 'MiniLM', batch: 8, length: 128, without: ['tfjs/cpu'] },
  { shape: 'BERT-base', batch: 1, length: 128, without: ['tfjs/cpu'] },
]
const OPS = 2000

export async function measure(values, say) {
  const times = values.quick ? 3 : 10
  if (values.tensorflow !== undefined) process.env.TENON_TFJS_NODE = values.tensorflow
  const contenders = await available()
  say(`backends: ${contenders.join(', ')}`)
  const engines = new Map(contenders.map((name) => [name, serve('serve-backend', name)]))

  const encoders = []
  for (const { shape, batch, length, without = [] } of loads) {
    const taking = contenders.filter((name) => !without.includes(name))
    say(`${shape}, ${batch} × ${length}, on ${taking.join(', ')}`)
    for (const name of taking) await engines.get(name).ask({ what: 'compile', graph: 'encoder', shape })
    encoders.push({ shape, batch, length, milliseconds: await inTurns(taking, times, (name) => engines.get(name).ask({ what: 'run', batch, length })) })
  }

  say(`what a node costs, in a chain of ${OPS}`)
  for (const name of contenders) await engines.get(name).ask({ what: 'compile', graph: 'ops', count: OPS })
  const chains = await inTurns(contenders, 3 * times, (name) => engines.get(name).ask({ what: 'chain' }))

  say('the interpreter beside the kernels it calls, BERT-base 1 × 128')
  const overheads = {}
  for (const name of contenders.filter((each) => each.startsWith('tfjs/') && each !== 'tfjs/cpu')) {
    await engines.get(name).ask({ what: 'compile', graph: 'encoder', shape: 'BERT-base' })
    const runs = []
    for (let time = -1; time < times; time++) {
      const timed = await engines.get(name).ask({ what: 'overhead', batch: 1, length: 128 })
      if (time >= 0) runs.push(timed)
    }
    const [kernels, whole] = [median(runs.map(({ kernels: each }) => each)), median(runs.map(({ milliseconds }) => milliseconds))]
    overheads[name] = { kernels, whole, calls: runs[0].calls, share: median(runs.map(({ kernels: inside, milliseconds }) => (milliseconds - inside) / inside)) }
  }

  say('a gradient step of one block, 8 × 128 × 384, beside variableGrads on wasm')
  const steppers = contenders.filter((name) => name !== 'tfjs/cpu')
  engines.set('variableGrads', serve('serve-variable-grads'))
  for (const name of steppers) await engines.get(name).ask({ what: 'compile', graph: 'training' })
  const [reference, ...others] = await Promise.all(['variableGrads', ...steppers].map((name) => engines.get(name).ask({ what: 'step' })))
  const apart = Object.fromEntries(steppers.map((name, index) => [name, furthest(others[index].read, reference.read)]))
  for (const [name, away] of Object.entries(apart)) if (!(away < 1e-5)) throw new Error(`${name} has another gradient than variableGrads, by ${away}: nothing to compare`)
  const steps = await inTurns(['variableGrads', ...steppers], values.quick ? 2 : 5, async (name) => (await engines.get(name).ask({ what: 'step' })).milliseconds)

  for (const engine of engines.values()) await engine.close()
  const goals = [goal('gradient step beside variableGrads on wasm, times as fast', steps.variableGrads / steps['onnx/cpu'], 5, 'higher')]
  if (overheads['tfjs/wasm']) goals.push(goal('interpreter to kernels, BERT-base on wasm', overheads['tfjs/wasm'].share, 0.1, 'lower'))
  return { benchmark: 'backends', machine: machine(), versions: versions(), contenders, encoders, ops: Object.fromEntries(Object.entries(chains).map(([name, milliseconds]) => [name, (1000 * milliseconds) / OPS])), overheads, steps, apart, goals }
}

/** Medians, each contender after the other and again, so that what else the machine does meets all. */
async function inTurns(names, times, run) {
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let time = -1; time < times; time++) {
    for (const name of time % 2 === 0 ? names : names.toReversed()) {
      const milliseconds = await run(name)
      if (time >= 0) samples[name].push(milliseconds)
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(samples[name])]))
}

/**
 * The largest difference of two gradients, in parts of the largest number in all of them: that of the keys' bias is 0 but for
 * rounding. The loss is left out, since a sum of 400,000 squares in float32 is right to four digits only.
 */
function furthest(actual, expected) {
  let [worst, largest] = [0, 0]
  for (const [name, values] of Object.entries(expected)) {
    if (name === 'loss') continue
    if (actual[name]?.length !== values.length) return Infinity
    for (const [index, value] of values.entries()) {
      largest = Math.max(largest, Math.abs(value))
      worst = Math.max(worst, Math.abs(value - actual[name][index]))
    }
  }
  return worst / largest
}

function versions() {
  const read = (path, name) => JSON.parse(readFileSync(createRequire(new URL(path, import.meta.url)).resolve(`${name}/package.json`), 'utf8')).version
  return { 'onnxruntime-node': read('../../packages/backend-onnx/package.json', 'onnxruntime-node'), '@tensorflow/tfjs-core': read('../../packages/backend-tfjs-gpu/package.json', '@tensorflow/tfjs-core') }
}

export function render({ contenders, encoders, ops, overheads, steps, goals, machine: host, versions: compared }) {
  const number = (value) => (value === undefined ? '–' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0))
  const rows = [
    ...encoders.map(({ shape, batch, length, milliseconds }) => [`${shape}, ${batch} × ${length}, ms`, ...contenders.map((name) => number(milliseconds[name]))]),
    ['a node that computes nothing, µs', ...contenders.map((name) => number(ops[name]))],
    ['gradient step of a block, ms', ...contenders.map((name) => number(steps[name]))],
    ['interpreter to kernels, BERT-base', ...contenders.map((name) => (overheads[name] ? `${(100 * overheads[name].share).toFixed(1)} %` : '–'))],
  ]
  const about = `variableGrads of TensorFlow.js by itself, wasm: ${number(steps.variableGrads)} ms. ${host.cpu}, ${host.cores} cores, Node ${host.node}; ${Object.entries(compared).map(([name, version]) => `${name} ${version}`).join('; ')}`
  return `\n${table(['medians', ...contenders], rows)}\n\n${goalTable(goals)}\n\n${about}\n`
}
