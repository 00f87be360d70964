const PATIENCE = 4 // milliseconds that timers and sockets may have to wait

let last = 0

/** Lets the event loop turn where it was held up for some milliseconds. */
export async function breathe(): Promise<void> {
  if (performance.now() - last < PATIENCE) return
  await new Promise((resolve) => setImmediate(resolve))
  last = performance.now()
}
