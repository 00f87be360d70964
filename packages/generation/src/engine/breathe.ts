const PATIENCE = 4 // milliseconds that timers and sockets may have to wait

let last = 0
let idle = 0

/** Lets the event loop turn where it was held up for some milliseconds. Where it had nothing to do meanwhile, as while a run is awaited, it has turned already. */
export async function breathe(): Promise<void> {
  if (performance.now() - last < PATIENCE) return
  const waited = performance.eventLoopUtilization().idle
  if (waited === idle) await new Promise((resolve) => setImmediate(resolve))
  idle = waited
  last = performance.now()
}
