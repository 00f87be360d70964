import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Engine } from '../engine.mjs'
import { goal, goalTable, machine, table } from '../report.mjs'
import { median } from '../statistics.mjs'
import { readBandwidth } from './bandwidth.mjs'
import { prepare } from './made-up.mjs'
import { shapes } from './shapes.mjs'

export const options = {
  shape: { type: 'string', about: `one of ${Object.keys(shapes).join(', ')}; default: all` },
  threads: { type: 'string', about: 'threads of each side; default: all cores' },
}

const script = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Tokens that are generated after each prompt. */
const COUNT = 32
const CONTEXTS = [128, 2048]
const PROMPTS = [512, 4096]
const ROUNDS = 3
/** Whose second start has a goal: with fewer parameters the first one is short. */
const STARTED = 'Qwen2.5-0.5B'
/** Windows of what a context needs at most. */
const CONTEXT_SIZE = 4096 + 2 * COUNT

/** Each side, by what its weights take: 4 bits in blocks of 32, and 8 bits; those of transformers.js have a scale a column, so that it stands beside what Tenon makes of the checkpoint, too. */
const contenders = ({ gguf, checkpoint, peer }, threads) => ({
  4: {
    tenon: () => new Engine(script('serve-tenon.mjs'), [gguf.q4, threads, JSON.stringify({ bits: 4, blockSize: 32 })]),
    llama: () => new Engine(script('serve-llama.mjs'), [gguf.q4, threads, String(CONTEXT_SIZE)]),
    transformers: () => new Engine(script('serve-transformers.mjs'), [peer, 'q4']),
  },
  8: {
    tenon: () => new Engine(script('serve-tenon.mjs'), [gguf.q8, threads, JSON.stringify({ bits: 8, blockSize: 32 })]),
    llama: () => new Engine(script('serve-llama.mjs'), [gguf.q8, threads, String(CONTEXT_SIZE)]),
    transformers: () => new Engine(script('serve-transformers.mjs'), [peer, 'q8']),
    quantised: () => new Engine(script('serve-tenon.mjs'), [checkpoint, threads, JSON.stringify({ bits: 8 })]),
  },
})

export async function measure(values, say) {
  const names = values.shape === undefined ? Object.keys(shapes) : [values.shape]
  const threads = values.threads ?? String(os.availableParallelism())
  const prepared = await prepare(names, say)
  process.env.TENON_CACHE ??= fileURLToPath(new URL('../../node_modules/.cache/tenon-bench/weights', import.meta.url)) // not among the user's own
  const bandwidth = await readBandwidth(Number(threads))
  const rounds = values.quick ? 1 : ROUNDS
  const results = {}
  for (const name of names) {
    const sides = contenders(prepared[name], threads)
    const speed = {}
    for (const bits of [4, 8]) speed[bits] = await speeds(sides[bits], shapes[name].vocab_size, rounds, (side, round) => say(`${name}, ${bits} bits: ${side}, round ${round + 1} of ${rounds}`))
    say(`${name}: cached prefix, speculation, batches`)
    results[name] = { speed, ...(await ownMeasures(sides[4].tenon, shapes[name].vocab_size, rounds)), ofBandwidth: Object.fromEntries(['tenon', 'llama'].map((side) => [side, share(name, side, speed[4][side], bandwidth)])) }
    say(`${name}: 4 bits in blocks of 128`)
    results[name].wideBlocks = await wideBlocks(prepared[name].checkpoint, threads, shapes[name].vocab_size, rounds)
    say(`${name}: first and second start`)
    results[name].start = await starts(prepared[name].checkpoint, threads, rounds)
  }
  return { benchmark: 'decoder', machine: machine(), threads: Number(threads), gigabytesPerSecond: bandwidth / 1e9, versions: versions(), weights: 'random, no two alike; the head in 8 bits, in blocks of 32', medians: results, goals: names.flatMap((name) => judge(name, results[name])) }
}

/** Ids that stand for nothing, over the whole vocabulary. */
const promptOf = (length, vocabulary) => Array.from({ length }, (_, index) => 300 + ((index * 7919) % (vocabulary - 300)))

/** Tokens a second of each side, one process at a time and in turn, so that what else the machine does falls on all. */
async function speeds(sides, vocabulary, rounds, say) {
  const samples = Object.fromEntries(Object.keys(sides).map((side) => [side, { decode: Object.fromEntries(CONTEXTS.map((context) => [context, []])), prefill: Object.fromEntries(PROMPTS.map((prompt) => [prompt, []])) }]))
  for (let round = 0; round < rounds; round++) {
    const order = Object.keys(sides)
    for (const side of round % 2 === 0 ? order : order.toReversed()) {
      say(side, round)
      const engine = sides[side]()
      await engine.ask({ what: 'load' })
      await engine.ask({ what: 'run', prompt: promptOf(64, vocabulary), count: 8 })
      for (const context of CONTEXTS) samples[side].decode[context].push(...(await engine.ask({ what: 'run', prompt: promptOf(context, vocabulary), count: COUNT })).steps)
      // transformers.js holds the logits of the whole prompt, 2.5 GB of them at 4,096.
      for (const prompt of side === 'transformers' ? PROMPTS.slice(0, 1) : side === 'quantised' ? [] : PROMPTS) samples[side].prefill[prompt].push((await engine.ask({ what: 'run', prompt: promptOf(prompt, vocabulary), count: 1 })).prefill)
      await engine.close()
    }
  }
  const rate = (tokens, milliseconds) => (milliseconds.length === 0 ? undefined : (tokens * 1000) / median(milliseconds))
  const each = (of, tokens) => Object.fromEntries(Object.entries(of).map(([size, times]) => [size, rate(tokens(Number(size)), times)]))
  return Object.fromEntries(Object.entries(samples).map(([side, { decode, prefill }]) => [side, { decode: each(decode, () => 1), prefill: each(prefill, (size) => size) }]))
}

/** What the peers have no counterpart to: shares and multiples of our own plain run. */
async function ownMeasures(open, vocabulary, rounds) {
  const samples = { cold: [], cached: [], plain: [], lookup: [], accepted: [], one: [], four: [] }
  const engine = open()
  await engine.ask({ what: 'load' })
  await engine.ask({ what: 'run', prompt: promptOf(64, vocabulary), count: 8 })
  for (let round = 0; round < rounds; round++) {
    const typed = [...promptOf(2048, vocabulary), 301 + round]
    samples.cold.push((await engine.ask({ what: 'run', prompt: typed.with(0, 260 + round), count: 1, fresh: false })).prefill)
    samples.cached.push((await engine.ask({ what: 'run', prompt: [...typed.with(0, 260 + round), 400], count: 1, fresh: false })).prefill)
    const edit = edited(vocabulary, round)
    samples.plain.push((await engine.ask({ what: 'run', ...edit })).rate)
    const { rate, stats } = await engine.ask({ what: 'run', ...edit, speculation: 'prompt-lookup' })
    samples.lookup.push(rate)
    samples.accepted.push(stats.acceptedTokens / stats.generatedTokens)
    samples.one.push((await engine.ask({ what: 'run', prompt: promptOf(128, vocabulary), count: 64 })).rate)
    samples.four.push((await engine.ask({ what: 'run', prompt: promptOf(128, vocabulary), count: 64, batch: 4 })).rate)
  }
  const memory = await engine.ask({ what: 'memory' })
  await engine.close()
  const of = Object.fromEntries(Object.entries(samples).map(([name, each]) => [name, median(each)]))
  return { cachedPrefix: { cold: of.cold, cached: of.cached }, promptLookup: { plain: of.plain, lookup: of.lookup, accepted: of.accepted }, batch: { one: of.one, four: of.four }, memory }
}

/** Tokens a second at the short context with scales for 128 weights, which llama.cpp's formats of 4 bits do not have. */
async function wideBlocks(checkpoint, threads, vocabulary, rounds) {
  const engine = new Engine(script('serve-tenon.mjs'), [checkpoint, threads, JSON.stringify({ bits: 4, blockSize: 128, head: { bits: 8, blockSize: 128 } })])
  await engine.ask({ what: 'load' })
  await engine.ask({ what: 'run', prompt: promptOf(64, vocabulary), count: 8 })
  const steps = []
  for (let round = 0; round < rounds; round++) steps.push(...(await engine.ask({ what: 'run', prompt: promptOf(CONTEXTS[0], vocabulary), count: COUNT })).steps)
  await engine.close()
  return 1000 / median(steps)
}

/** A text of 300 tokens that is written again with one token in 25 changed: what a model says who edits code. Random weights say nothing, so the choice is made for them. */
function edited(vocabulary, round) {
  const text = Array.from({ length: 300 }, (_, index) => 300 + ((index * 7919 + round * 104_729) % (vocabulary - 300)))
  const target = text.map((token, index) => (index % 25 === 24 ? 300 + ((token * 31) % (vocabulary - 300)) : token))
  return { prompt: [270 + round, ...text, 271], count: 256, target, fresh: false }
}

/** From a fresh process to a model that is ready, and to the first token of a prompt of five: the first time weights are quantised and kept, the second they are there. */
async function starts(checkpoint, threads, rounds) {
  const samples = { first: [], second: [] }
  for (let round = 0; round < rounds; round++) {
    const cache = await mkdtemp(join(os.tmpdir(), 'tenon-bench-'))
    for (const which of ['first', 'second']) {
      const engine = new Engine(script('serve-tenon.mjs'), [checkpoint, threads, JSON.stringify({ bits: 4, blockSize: 32 }), cache])
      const ready = await engine.ask({ what: 'load' })
      const { prefill } = await engine.ask({ what: 'run', prompt: [300, 301, 302, 303, 304], count: 1, fresh: false })
      samples[which].push({ ready, token: ready + prefill })
      await engine.close()
    }
    await rm(cache, { recursive: true, force: true })
  }
  const medians = (which) => ({ ready: median(samples[which].map(({ ready }) => ready)), token: median(samples[which].map(({ token }) => token)) })
  return { first: medians('first'), second: medians('second') }
}

/** How much of what the memory gives is used: bytes of weights that a token takes, over the time of a token at the short context. */
function share(name, side, { decode }, bandwidth) {
  const { hidden_size: hidden, intermediate_size: wide, num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads, vocab_size: vocabulary } = shapes[name]
  const size = hidden / heads
  const perLayer = 2 * hidden * hidden + 2 * kvHeads * size * hidden + 3 * hidden * wide
  const scales = (bits, block) => bits / 8 + (side === 'tenon' ? 8 : 2) / block // of a block: scale and sum in float32, as ONNX Runtime packs it, or a scale in float16
  const bytes = layers * perLayer * scales(4, 32) + vocabulary * hidden * scales(8, 32)
  return (bytes * decode[CONTEXTS[0]]) / bandwidth
}

function judge(name, { speed, cachedPrefix, promptLookup, batch, start }) {
  const ratio = (bits, what, size, peer) => speed[bits][peer === 'transformers' && bits === 8 ? 'quantised' : 'tenon'][what][size] / speed[bits][peer][what][size]
  return [
    ...[4, 8].map((bits) => goal(`${name}: ${bits} bits, decode at 128, times llama.cpp`, ratio(bits, 'decode', 128, 'llama'), 1.2, 'higher')),
    ...[4, 8].flatMap((bits) => [[128, 1.4], [2048, 3]].map(([context, target]) => goal(`${name}: ${bits} bits, decode at ${context}, times transformers.js`, ratio(bits, 'decode', context, 'transformers'), target, 'higher'))),
    ...[4, 8].flatMap((bits) => PROMPTS.map((prompt) => goal(`${name}: ${bits} bits, prompt of ${prompt}, times llama.cpp`, ratio(bits, 'prefill', prompt, 'llama'), 1.6, 'higher'))),
    goal(`${name}: time to first token with a cached prefix, share of cold`, cachedPrefix.cached / cachedPrefix.cold, 0.15, 'lower'),
    goal(`${name}: prompt lookup on an edit, times plain`, promptLookup.lookup / promptLookup.plain, 1.8, 'higher'),
    goal(`${name}: four sequences, times the throughput of one`, batch.four / batch.one, 2, 'higher'),
    ...(name === STARTED ? [['ready', 'ready'], ['token', 'a first token']] : []).map(([what, words]) => goal(`${name}: second start until ${words}, share of the first`, start.second[what] / start.first[what], 0.1, 'lower')),
  ]
}

function versions() {
  const peers = createRequire(new URL('../peers/package.json', import.meta.url))
  const read = (name) => JSON.parse(readFileSync(peers.resolve(name).replace(new RegExp(`(.*node_modules/${name})/.*`), '$1/package.json'), 'utf8')).version
  return Object.fromEntries(['node-llama-cpp', '@huggingface/transformers'].map((name) => [name, read(name)]))
}

export function render({ medians, goals, machine: host, threads, gigabytesPerSecond, versions: compared }) {
  const number = (value) => (value === undefined ? '–' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0))
  const rows = Object.entries(medians).flatMap(([name, { speed }]) =>
    Object.entries(speed).flatMap(([bits, { tenon, llama, transformers, quantised }]) => [
      ...(quantised === undefined ? [] : CONTEXTS.map((context) => [`${name}  ${bits} bits of its own, decode at ${context}`, number(quantised.decode[context]), '', number(transformers.decode[context])])),
      ...CONTEXTS.map((context) => [`${name}  ${bits} bits, decode at ${context}`, ...[tenon, llama, transformers].map(({ decode }) => number(decode[context]))]),
      ...PROMPTS.map((prompt) => [`${name}  ${bits} bits, prompt of ${prompt}`, ...[tenon, llama, transformers].map(({ prefill }) => number(prefill[prompt]))]),
    ]),
  )
  const own = Object.entries(medians).flatMap(([name, { cachedPrefix, promptLookup, batch, start, wideBlocks: wide, ofBandwidth, memory }]) => [
    [`${name}  decode at 128 in blocks of 128, tokens/s`, number(wide), ''],
    [`${name}  first token, cold and cached, ms`, number(cachedPrefix.cold), number(cachedPrefix.cached)],
    [`${name}  edit, plain and by prompt lookup, tokens/s`, number(promptLookup.plain), number(promptLookup.lookup)],
    [`${name}  one and four sequences, tokens/s`, number(batch.one), number(batch.four)],
    [`${name}  first and second start until ready, ms`, number(start.first.ready), number(start.second.ready)],
    [`${name}  first and second start until a first token, ms`, number(start.first.token), number(start.second.token)],
    [`${name}  share of the memory's bandwidth, Tenon and llama.cpp`, number(ofBandwidth.tenon), number(ofBandwidth.llama)],
    [`${name}  peak memory, MB`, number(memory), ''],
  ])
  const about = `${host.cpu}, ${threads} threads, ${number(gigabytesPerSecond)} GB/s, Node ${host.node}; ${Object.entries(compared).map(([name, version]) => `${name} ${version}`).join('; ')}`
  return `\n${table(['medians, tokens/s', 'Tenon', 'llama.cpp', 'transformers.js'], rows)}\n\n${table(['Tenon alone', '', ''], own)}\n\n${goalTable(goals)}\n\n${about}\n`
}
