import { orAborted, type Executable } from '@tenon/core'

/**
 * What is being compiled, ready to be run: the first runs wait for it. What decodes is compiled before what reads prompts, whose weights
 * take as long to load again; by the time a prompt comes, it is there.
 */
export function later(compiling: Promise<Executable>): Pick<Executable, 'run'> {
  compiling.catch(() => undefined) // who runs it is told
  return { run: async (feeds, options) => (await orAborted(compiling, options?.signal)).run(feeds, options) }
}
