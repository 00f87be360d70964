/**
 * The other end of an Engine: opens a decoder, and runs it over prompts of ids.
 * @param {() => Promise<(request: { prompt: number[], count: number }) => Promise<{ prefill: number, steps: number[] }>>} load
 */
export function serve(load) {
  let generate
  const answers = {
    async load() {
      const began = performance.now()
      generate = await load()
      return performance.now() - began
    },
    run: (request) => generate(request),
    memory: async () => process.resourceUsage().maxRSS / 1024,
  }
  process.on('message', async ({ what, ...request }) => process.send(await answers[what](request)))
  process.on('disconnect', () => process.exit(0))
}
