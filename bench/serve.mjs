import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * The other end of an Engine: answers what the benchmark asks of a library.
 * @param {() => Promise<(texts: string[]) => Promise<Float32Array[]>>} load Imports the library and opens the model.
 */
export function serve(load) {
  let embed
  const delays = monitorEventLoopDelay({ resolution: 1 })
  const answers = {
    async load() {
      const began = performance.now()
      embed = await load()
      return performance.now() - began
    },
    async run({ texts }) {
      const began = performance.now()
      await embed(texts)
      return performance.now() - began
    },
    embed: ({ texts }) => embed(texts),
    /** Runs again and again, and tells how late the event loop was: milliseconds at the 99th percentile. */
    async delay({ texts, times }) {
      delays.reset()
      delays.enable()
      for (let time = 0; time < times; time++) await embed(texts)
      delays.disable()
      return delays.percentile(99) / 1e6
    },
    /** Most memory the process ever held, in MB. */
    memory: async () => process.resourceUsage().maxRSS / 1024,
  }
  process.on('message', async (message) => process.send(await answers[message.what](message)))
  process.on('disconnect', () => process.exit(0))
}
