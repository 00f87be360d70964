import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Engine } from '../engine.mjs'
import { goal, goalTable, machine, table } from '../report.mjs'
import { cosine, median } from '../statistics.mjs'
import { readVectors, vectorFile } from './vectors.mjs'

export const options = {
  vectors: { type: 'string', about: 'float32 unit vectors of 384 numbers, row after row, in place of made ones; the last 100 are the questions' },
}

const dimensions = 384
const limit = 10
const contenders = ['tenon', 'scan', 'orama']

export async function measure(values, say) {
  const queries = values.quick ? 30 : 100
  say('vectors')
  const path = values.vectors ?? (await vectorFile({ rows: values.quick ? 20_000 : 100_000, queries, dimensions }))
  const vectors = await readVectors(path, dimensions)
  const rows = vectors.length - queries
  const truth = vectors.slice(rows).map((query) => nearest(vectors, rows, query))
  // Orama keeps every vector above a similarity that the caller names, then sorts: the lowest that any question needs
  // favours it most.
  const similarity = Math.min(...truth.map((list) => list.at(-1).similarity)) - 1e-4

  const engines = {}
  const build = {}
  for (const name of contenders) {
    say(`${name}: ${rows} vectors`)
    engines[name] = new Engine(fileURLToPath(new URL(`serve-${name}.mjs`, import.meta.url)), [path, dimensions, rows].map(String))
    build[name] = await engines[name].ask({ what: 'build', similarity })
  }
  say(`${queries} questions, each to all in turn`)
  const samples = Object.fromEntries(contenders.map((name) => [name, []]))
  const recalls = Object.fromEntries(contenders.map((name) => [name, []]))
  for (let query = -5; query < queries; query++) {
    const wanted = truth[Math.max(0, query)].map(({ row }) => row)
    for (const name of query % 2 === 0 ? contenders : contenders.toReversed()) {
      const { milliseconds, found } = await engines[name].ask({ what: 'search', query: Math.max(0, query), limit })
      if (query < 0) continue // still compiling its JavaScript
      samples[name].push(milliseconds)
      recalls[name].push(wanted.filter((row) => found.includes(row)).length / limit)
    }
  }
  const results = {}
  for (const name of contenders) {
    results[name] = {
      search: median(samples[name]),
      recall: recalls[name].reduce((sum, each) => sum + each, 0) / queries,
      delay: await engines[name].ask({ what: 'delay', queries, limit }),
      build: build[name],
      memory: await engines[name].ask({ what: 'memory' }),
    }
    await engines[name].close()
  }
  const { tenon, orama } = results
  const goals = [goal('searches beside Orama, times as fast', orama.search / tenon.search, 5, 'higher'), goal('recall of the ten nearest', tenon.recall, 0.98, 'higher')]
  return { benchmark: 'retrieval', machine: machine(), versions: versions(), vectors: values.vectors ?? '1,000 clusters, made', rows, dimensions, similarity, results, goals }
}

/** The rows nearest to a query, by cosines in float64. */
function nearest(vectors, rows, query) {
  const all = vectors.slice(0, rows).map((vector, row) => ({ row, similarity: cosine(vector, query) }))
  return all.sort((one, other) => other.similarity - one.similarity).slice(0, limit)
}

function versions() {
  const require = createRequire(new URL('../peers/package.json', import.meta.url))
  return { '@orama/orama': JSON.parse(readFileSync(require.resolve('@orama/orama').replace(/(.*node_modules\/@orama\/orama)\/.*/, '$1/package.json'), 'utf8')).version }
}

export function render({ results: { tenon, scan, orama }, rows, goals, machine: host, versions: compared }) {
  const number = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
  const line = (title, what) => [title, number(tenon[what]), number(scan[what]), number(orama[what]), `${(orama[what] / tenon[what]).toFixed(2)} ×`]
  const lines = [line('search, ms', 'search'), line('recall of the ten nearest', 'recall'), line('event-loop delay p99, ms', 'delay'), line('build, ms', 'build'), line('memory, MB', 'memory')]
  const about = `${rows} vectors of ${dimensions}; ${host.cpu}, ${host.cores} cores, Node ${host.node}; ${Object.entries(compared).map(([name, version]) => `${name} ${version}`).join('; ')}`
  return `\n${table(['medians', 'Tenon', 'plain scan', 'Orama', 'Orama to Tenon'], lines)}\n\n${goalTable(goals)}\n\n${about}\n`
}
