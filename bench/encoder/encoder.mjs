import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { openFolder } from '@tenon/checkpoint'
import { Engine } from '../engine.mjs'
import { goal, goalTable, machine, table } from '../report.mjs'
import { cosine, median } from '../statistics.mjs'
import { prepare } from './prepare.mjs'
import { fixed, mixed, wordList } from './texts.mjs'

export const options = {
  weights: { type: 'string', about: 'float32 sentence-transformers folder to use in place of the dithered weights that ship' },
  peer: { type: 'string', about: 'folder with onnx/model.onnx and onnx/model_quantized.onnx for transformers.js, of the same weights' },
}

const script = (name) => fileURLToPath(new URL(name, import.meta.url))

export async function measure(values, say) {
  const folders = await prepare(values.weights, say)
  const peer = values.peer ?? folders.peer
  const times = (count) => Math.max(3, Math.round(values.quick ? count / 3 : count))

  const contenders = {
    fp32: { tenon: () => new Engine(script('serve-tenon.mjs'), [folders.float32]), peer: () => new Engine(script('serve-transformers.mjs'), [peer, 'fp32']) },
    int8: { tenon: () => new Engine(script('serve-tenon.mjs'), [folders.int8]), peer: () => new Engine(script('serve-transformers.mjs'), [peer, 'q8']) },
  }
  const checkpoint = await openFolder(folders.float32)
  const words = await wordList(await checkpoint.tokenizer())
  await checkpoint[Symbol.asyncDispose]()
  const workloads = [
    { name: '1 × 128', texts: fixed(words, 1, 128, 1), times: times(80) },
    { name: '8 × 128', texts: fixed(words, 8, 128, 2), times: times(24) },
    { name: '32 × 128', texts: fixed(words, 32, 128, 3), times: times(12) },
    { name: '32 × 8–256', texts: mixed(words, 32, 8, 256, 4), times: times(12) },
  ]
  const everyday = mixed(words, 64, 8, 128, 5)

  const results = {}
  const vectors = {}
  for (const [precision, make] of Object.entries(contenders)) {
    say(`${precision}: loading`)
    const load = await loads(make, times(9))
    say(`${precision}: memory`)
    const memory = await memories(make, workloads, times(3))
    say(`${precision}: ${workloads.map(({ name }) => name).join(', ')}`)
    const runs = await timings(make, workloads)
    say(`${precision}: event loop and accuracy`)
    const delay = {}
    vectors[precision] = {}
    for (const side of ['tenon', 'peer']) {
      const engine = make[side]()
      await engine.ask({ what: 'load' })
      delay[side] = await engine.ask({ what: 'delay', texts: workloads[3].texts, times: times(6) })
      vectors[precision][side] = await perText(engine, everyday)
      await engine.close()
    }
    results[precision] = { load, memory, runs, delay }
  }
  const accuracy = accuracies(vectors)
  const goals = judge(results, accuracy)
  return { benchmark: 'embedding', machine: machine(), versions: versions(), weights: values.weights ?? 'all-MiniLM-L6-v2, dithered from the int8 that ships', medians: results, accuracy, goals }
}

/** Time from a fresh process to a model that is ready, milliseconds; sides in turn. */
async function loads(make, times) {
  const samples = { tenon: [], peer: [] }
  for (let time = 0; time < times; time++) {
    for (const side of ['tenon', 'peer']) {
      const engine = make[side]()
      samples[side].push(await engine.ask({ what: 'load' }))
      await engine.close()
    }
  }
  return { tenon: median(samples.tenon), peer: median(samples.peer) }
}

/** Peak memory of a fresh process that went through every workload once, MB. */
async function memories(make, workloads, times) {
  const samples = { tenon: [], peer: [] }
  for (let time = 0; time < times; time++) {
    for (const side of ['tenon', 'peer']) {
      const engine = make[side]()
      await engine.ask({ what: 'load' })
      for (const { texts } of workloads) await engine.ask({ what: 'run', texts })
      samples[side].push(await engine.ask({ what: 'memory' }))
      await engine.close()
    }
  }
  return { tenon: median(samples.tenon), peer: median(samples.peer) }
}

/** Fresh processes of each side, in turn, so that what else the machine does falls on both. */
const ROUNDS = 4

/** Runs that are not counted: a new process is still compiling its JavaScript. */
const WARM_UP = 3

/**
 * Medians of runs, milliseconds. Only one side is alive at a time: threads of ONNX Runtime spin for work for a while
 * after a run, on a core that would be the other side's.
 */
async function timings(make, workloads) {
  const samples = Object.fromEntries(workloads.map(({ name }) => [name, { tenon: [], peer: [] }]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of round % 2 === 0 ? ['tenon', 'peer'] : ['peer', 'tenon']) {
      const engine = make[side]()
      await engine.ask({ what: 'load' })
      for (const { name, texts, times } of workloads) {
        for (let run = -WARM_UP; run < Math.ceil(times / ROUNDS); run++) {
          const milliseconds = await engine.ask({ what: 'run', texts })
          if (run >= 0) samples[name][side].push(milliseconds)
        }
      }
      await engine.close()
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, { tenon, peer }]) => [name, { tenon: median(tenon), peer: median(peer) }]))
}

async function perText(engine, texts) {
  const vectors = []
  for (const text of texts) vectors.push(...(await engine.ask({ what: 'embed', texts: [text] })))
  return vectors
}

/** Cosine of each side's int8 to its own float32, text by text. */
function accuracies({ fp32, int8 }) {
  const of = (side) => {
    const all = fp32[side].map((vector, index) => cosine(vector, int8[side][index]))
    return { mean: all.reduce((sum, each) => sum + each, 0) / all.length, lowest: Math.min(...all) }
  }
  const agreement = fp32.tenon.map((vector, index) => cosine(vector, fp32.peer[index]))
  return { tenon: of('tenon'), peer: of('peer'), fp32Agreement: Math.min(...agreement) }
}

function judge(results, accuracy) {
  const speed = (precision, name) => results[precision].runs[name].peer / results[precision].runs[name].tenon
  const share = (precision, what) => results[precision][what].tenon / results[precision][what].peer
  const each = (make) => ['fp32', 'int8'].flatMap(make)
  return [
    ...['1 × 128', '8 × 128', '32 × 128'].map((name) => goal(`fp32 ${name}, times as fast`, speed('fp32', name), 1, 'higher')),
    ...['1 × 128', '8 × 128', '32 × 128'].map((name) => goal(`int8 ${name}, times as fast`, speed('int8', name), name === '1 × 128' ? 1.1 : 1.05, 'higher')),
    goal('fp32 32 × 8–256, times as fast', speed('fp32', '32 × 8–256'), 1.9, 'higher'),
    goal('int8 32 × 8–256, times as fast', speed('int8', '32 × 8–256'), 1.7, 'higher'),
    goal('int8 to fp32, mean cosine over theirs', accuracy.tenon.mean / accuracy.peer.mean, 1, 'higher'),
    ...each((precision) => [goal(`${precision} load time, share of theirs`, share(precision, 'load'), 0.6, 'lower'), goal(`${precision} peak memory, share of theirs`, share(precision, 'memory'), 0.8, 'lower'), goal(`${precision} event-loop delay p99, share of theirs`, share(precision, 'delay'), 0.1, 'lower')]),
  ]
}

function versions() {
  const read = (require, name) => JSON.parse(readFileSync(require.resolve(name).replace(new RegExp(`(.*node_modules/${name})/.*`), '$1/package.json'), 'utf8')).version
  const peers = createRequire(new URL('../peers/package.json', import.meta.url))
  const transformers = read(peers, '@huggingface/transformers')
  const nested = createRequire(peers.resolve('@huggingface/transformers'))
  const backend = createRequire(createRequire(import.meta.url).resolve('@tenon/backend-onnx'))
  return { '@huggingface/transformers': transformers, 'onnxruntime-node beneath it': read(nested, 'onnxruntime-node'), 'onnxruntime-node beneath Tenon': read(backend, 'onnxruntime-node') }
}

export function render({ medians, goals, accuracy, machine: host, versions: compared }) {
  const number = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
  const rows = Object.entries(medians).flatMap(([precision, { runs, load, memory, delay }]) => [
    ...Object.entries(runs).map(([name, { tenon, peer }]) => [`${precision}  ${name}, ms`, number(tenon), number(peer), `${(peer / tenon).toFixed(2)} ×`]),
    ...[['load, ms', load], ['peak memory, MB', memory], ['event-loop delay p99, ms', delay]].map(([name, { tenon, peer }]) => [`${precision}  ${name}`, number(tenon), number(peer), `${(peer / tenon).toFixed(2)} ×`]),
  ])
  rows.push(['int8 to fp32, mean cosine', accuracy.tenon.mean.toFixed(5), accuracy.peer.mean.toFixed(5), ''], ['int8 to fp32, lowest cosine', accuracy.tenon.lowest.toFixed(5), accuracy.peer.lowest.toFixed(5), ''])
  const about = `${host.cpu}, ${host.cores} cores, Node ${host.node}; ${Object.entries(compared).map(([name, version]) => `${name} ${version}`).join('; ')}`
  return `\n${table(['medians', 'Tenon', 'transformers.js', 'better by'], rows)}\n\n${goalTable(goals)}\n\n${about}\n`
}
