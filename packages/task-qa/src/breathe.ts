/** Lets timers, sockets and signals have their turn. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
