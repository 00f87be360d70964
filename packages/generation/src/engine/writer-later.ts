import { setImmediate as immediate } from 'node:timers/promises'
import { orAborted, type Executable } from '@tenon/core'

/** What is run, and what is known of it. */
export type Reader = Pick<Executable, 'inputs' | 'outputs' | 'run'>

export type Writer = Pick<Executable, 'run'>

/** Milliseconds without a prompt after which there is none to wait for. */
const QUIET = 500

/**
 * What reads prompts and is ready, and what writes, which is compiled when a first prompt was read, or none came for a moment: its weights
 * take as long to load again, and both at once would hold up that prompt's first token. Whoever runs it before it is there waits for it,
 * and is told where it cannot be compiled.
 */
export function writerLater(reader: Reader, compile: () => Promise<Writer>): { readonly prefill: Reader; readonly decoder: Writer } {
  let compiling: Promise<Writer> | undefined
  const begin = () => {
    clearTimeout(waiting)
    compiling ??= immediate().then(compile) // whoever waits for the first token gets it before this thread is held
    compiling.catch(() => undefined) // who runs it is told
    return compiling
  }
  const waiting = setTimeout(begin, QUIET).unref()
  const prefill: Reader = {
    inputs: reader.inputs,
    outputs: reader.outputs,
    async run(feeds, options) {
      clearTimeout(waiting)
      try {
        return await reader.run(feeds, options)
      } finally {
        void begin()
      }
    },
  }
  return { prefill, decoder: { run: async (feeds, options) => (await orAborted(begin(), options?.signal)).run(feeds, options) } }
}
