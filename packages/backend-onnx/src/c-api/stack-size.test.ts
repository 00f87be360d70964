import { expect, it } from 'vitest'
import { loadKoffi } from './load-koffi.js'

// A file of its own, hence a process of its own: koffi's settings are fixed once it has loaded a library.
it('runs native code on stacks as large as a thread has', async () => {
  const koffi = await loadKoffi()
  expect(koffi.config()).toMatchObject({ sync_stack_size: 2 ** 23, async_stack_size: 2 ** 23 })
  koffi.load(null)
  expect(await loadKoffi()).toBe(koffi)
})
