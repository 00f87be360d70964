/**
 * Runs work on every item, so many at a time. When one fails, `stop` is called, the rest is not begun, and the first
 * failure is thrown once all that runs has ended.
 */
export async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>, stop: () => void): Promise<void> {
  const waiting = [...items]
  let failure: { readonly error: unknown } | undefined
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await work(item)
      } catch (error) {
        failure ??= { error }
        waiting.length = 0
        stop()
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  if (failure !== undefined) throw failure.error
}
