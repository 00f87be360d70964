import { describe, expect, it, vi } from 'vitest'
import { Shared } from './shared.js'

function things() {
  const log: string[] = []
  const make = (name: string) => async () => {
    log.push(name)
    await new Promise((resolve) => setTimeout(resolve, 1))
    return { name, [Symbol.asyncDispose]: async () => void log.push(`free ${name}`) }
  }
  return { log, make, shared: new Shared<{ name: string } & AsyncDisposable>() }
}
const none = undefined

describe('what is shared', () => {
  it('is made once for all who ask, also at the same moment, and freed with the last', async () => {
    const { log, make, shared } = things()
    const [one, two] = await Promise.all([shared.acquire('a', make('a'), none), shared.acquire('a', make('a'), none)])
    const three = await shared.acquire('a', make('a'), none)
    expect([two.value, three.value]).toEqual([one.value, one.value])
    await Promise.all([one.release(), one.release(), two.release()])
    expect(log).toEqual(['a'])
    await three.release()
    expect(log).toEqual(['a', 'free a'])
  })

  it('is made anew after the last has freed it, and by another key', async () => {
    const { log, make, shared } = things()
    const one = await shared.acquire('a', make('a'), none)
    await shared.acquire('b', make('b'), none)
    const freeing = one.release()
    await shared.acquire('a', make('a'), none)
    await freeing
    expect(log.toSorted()).toEqual(['a', 'a', 'b', 'free a'])
  })

  it('fails for all who wait, and is tried again by the next', async () => {
    const { make, shared } = things()
    const failing = vi.fn<() => Promise<never>>(() => Promise.reject(new Error('broken')))
    const both = await Promise.allSettled([shared.acquire('a', failing, none), shared.acquire('a', failing, none)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(failing).toHaveBeenCalledOnce()
    expect((await shared.acquire('a', make('a'), none)).value.name).toBe('a')
  })

  it('goes on being made for the others when one is aborted', async () => {
    const { log, make, shared } = things()
    const controller = new AbortController()
    const aborted = shared.acquire('a', make('a'), controller.signal)
    const other = shared.acquire('a', make('a'), new AbortController().signal)
    controller.abort('enough')
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    expect((await other).value.name).toBe('a')
    expect(log).toEqual(['a'])
    await (await other).release()
    expect(log).toEqual(['a', 'free a'])
  })

  it('is stopped, and freed before that is told, when all who wait are aborted at once', async () => {
    const { log, make, shared } = things()
    const controller = new AbortController()
    const stopped = vi.fn<() => void>()
    const begin = (signal: AbortSignal) => (signal.addEventListener('abort', stopped), make('a')())
    const both = Promise.allSettled([shared.acquire('a', begin, controller.signal), shared.acquire('a', begin, controller.signal)])
    controller.abort('enough')
    expect((await both).map((each) => each.status === 'rejected' && (each.reason as Error).name)).toEqual(['AbortError', 'AbortError'])
    expect(stopped).toHaveBeenCalledOnce()
    expect(log).toEqual(['a', 'free a'])
    await expect(shared.acquire('a', begin, controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
