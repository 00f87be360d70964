import type { Backend, Checkpoint, Executable, Plugin, Source, Tensor } from '@tenon/core'

/** What is open, and what has been opened. */
interface Count {
  held: number
  opened: number
}

/** What a runtime's backends and sources have given out. */
export interface Watch {
  readonly plugins: readonly Plugin[]
  readonly executables: Count
  readonly checkpoints: Count
  readonly tensors: Count
  /** Called before the work of that name is asked for, each time. */
  before: Partial<Record<'open' | 'compile' | 'run', (() => void) | undefined>>
}

/** The same plugins, watched: each executable, tensor and checkpoint that they give out is counted until it is freed. */
export function watch(plugins: readonly Plugin[]): Watch {
  const watch: Watch = { plugins: plugins.map((plugin) => (plugin.kind === 'backend' ? backend(plugin) : plugin.kind === 'source' ? source(plugin) : plugin)), executables: none(), checkpoints: none(), tensors: none(), before: {} }
  return watch

  function backend(plugin: Backend): Backend {
    return altered(plugin, {
      compile: async (...args) => {
        watch.before.compile?.()
        return executable(await plugin.compile(...args))
      },
    })
  }

  function executable(made: Executable): Executable {
    const release = counted(watch.executables)
    return altered(made, {
      run: async (...args) => {
        watch.before.run?.()
        const outputs = await made.run(...args)
        for (const output of Object.values(outputs)) tensor(output)
        return outputs
      },
      place: async (placed) => tensor(await made.place(placed)),
      [Symbol.asyncDispose]: async () => {
        release()
        await made[Symbol.asyncDispose]()
      },
    })
  }

  /** In place: a backend must know its own tensors again when they are fed. */
  function tensor(made: Tensor): Tensor {
    if (!Object.isExtensible(made)) return made
    const release = counted(watch.tensors)
    const free = made[Symbol.dispose].bind(made)
    const value = () => {
      release()
      free()
    }
    return Object.defineProperty(made, Symbol.dispose, { value })
  }

  function source(plugin: Source): Source {
    return altered(plugin, {
      open: async (...args) => {
        watch.before.open?.()
        const found = await plugin.open(...args)
        return 'notFound' in found ? found : checkpoint(found)
      },
    })
  }

  function checkpoint(opened: Checkpoint): Checkpoint {
    const release = counted(watch.checkpoints)
    return altered(opened, {
      [Symbol.asyncDispose]: async () => {
        release()
        await opened[Symbol.asyncDispose]()
      },
    })
  }
}

const none = (): Count => ({ held: 0, opened: 0 })

/** Counts one more, and once one less. */
function counted(count: Count): () => void {
  count.held++
  count.opened++
  let released = false
  return () => {
    if (released) return
    released = true
    count.held--
  }
}

/** The same object with some of its methods replaced; those that are left keep their `this`. */
function altered<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(replaced, name)) return replaced[name as keyof T]
      const member = (target as Record<string | symbol, unknown>)[name]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
