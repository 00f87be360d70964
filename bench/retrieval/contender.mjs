import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { readVectors } from './vectors.mjs'

const [path, dimensions, rows] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]

/**
 * The other end of an Engine: a way to search vectors.
 * @param {(vectors: Float32Array[], options: { dimensions: number, similarity: number }) => Promise<(query: Float32Array, limit: number) => Promise<number[]>>} build
 * From vectors to what finds the rows nearest to a query, best first.
 */
export function contend(build) {
  let vectors
  let search
  const delays = monitorEventLoopDelay({ resolution: 1 })
  const answers = {
    async build({ similarity }) {
      vectors = await readVectors(path, dimensions)
      const began = performance.now()
      search = await build(vectors.slice(0, rows), { dimensions, similarity })
      return performance.now() - began
    },
    async search({ query, limit }) {
      const began = performance.now()
      const found = await search(vectors[rows + query], limit)
      return { milliseconds: performance.now() - began, found }
    },
    /** How late the event loop was while one search followed another, a millisecond apart: milliseconds at the 99th percentile. */
    async delay({ queries, limit }) {
      delays.reset()
      delays.enable()
      for (let query = 0; query < queries; query++) {
        await search(vectors[rows + query], limit)
        await wait(1) // a search that never waits would not be seen otherwise
      }
      delays.disable()
      return delays.percentile(99) / 1e6
    },
    /** MB. */
    memory: async () => process.memoryUsage().rss / 2 ** 20,
  }
  process.on('message', async (message) => process.send(await answers[message.what](message)))
  process.on('disconnect', () => process.exit(0))
}
