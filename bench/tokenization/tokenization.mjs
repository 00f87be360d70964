import { fileURLToPath } from 'node:url'
import { directory } from '@tenon/model-all-minilm-l6-v2'
import { Engine } from '../engine.mjs'
import { machine, table } from '../report.mjs'
import { median } from '../statistics.mjs'
import { textsOf } from './texts.mjs'

const sides = ['tenon', 'tenon, offsets too', 'native', 'javascript']
const titles = { tenon: 'Tenon', 'tenon, offsets too': 'with offsets', native: 'tokenizers (native)', javascript: '@huggingface/tokenizers' }

const workloads = [
  { name: '512 sentences', texts: (round) => textsOf(512, 1, 100 + round) },
  { name: '64 passages', texts: (round) => textsOf(64, 10, 200 + round) },
  { name: 'one text of 100 kB', texts: (round) => textsOf(1, 900, 300 + round) },
]

/** Runs that are not counted: a new process is still compiling its JavaScript. */
const WARM_UP = 3

export const options = {}

/** Throughput beside both official tokenizers, MB of UTF-8 a second: medians, each side in a process of its own, one alive at a time. */
export async function measure({ quick }, say) {
  const rounds = quick ? 2 : 4
  const perRound = quick ? 4 : 8
  const samples = Object.fromEntries(workloads.map(({ name }) => [name, Object.fromEntries(sides.map((side) => [side, []]))]))
  const counts = {}
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      say(`${titles[side]}, round ${round + 1} of ${rounds}`)
      const engine = new Engine(fileURLToPath(new URL('serve.mjs', import.meta.url)), [side, directory])
      for (const { name, texts } of workloads) {
        for (let run = -WARM_UP; run < perRound; run++) {
          const batch = texts(round * perRound + run)
          const { milliseconds, tokens } = await engine.ask({ texts: batch })
          if (run < 0) continue
          samples[name][side].push(Buffer.byteLength(batch.join('')) / 1e3 / milliseconds)
          if (run === 0 && round === 0) (counts[name] ??= new Set()).add(tokens)
        }
      }
      await engine.close()
    }
  }
  const differing = Object.entries(counts).filter(([, tokens]) => tokens.size > 1)
  if (differing.length > 0) throw new Error(`The sides disagree on the number of tokens: ${differing.map(([name, tokens]) => `${name}: ${[...tokens]}`).join('; ')}`)
  const throughput = Object.fromEntries(Object.entries(samples).map(([name, bySide]) => [name, Object.fromEntries(Object.entries(bySide).map(([side, values]) => [side, median(values)]))]))
  return { benchmark: 'tokenization', machine: machine(), unit: 'MB/s', medians: throughput, goals: [] }
}

export function render({ medians }) {
  const rows = Object.entries(medians).map(([name, bySide]) => [name, ...sides.map((side) => bySide[side].toFixed(2))])
  return `\n${table(['tokenization, MB/s', ...sides.map((side) => titles[side])], rows)}\n`
}
