import { expect, it } from 'vitest'

import { Gate } from './gate.js'

const pause = () => new Promise((resolve) => setTimeout(resolve, 1))

it('lets no more inside than fit, and everyone in the end, in order', async () => {
  const gate = new Gate(2)
  let inside = 0
  let most = 0
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 9 }, (_, index) =>
      gate.run(async () => {
        order.push(index)
        most = Math.max(most, ++inside)
        await pause()
        inside--
      }),
    ),
  )
  expect(most).toBe(2)
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

it('passes the place on after a failure, and over one who left the line', async () => {
  const gate = new Gate(1)
  const controller = new AbortController()
  const results = Promise.allSettled([
    gate.run(() => pause().then(() => Promise.reject(new Error('no')))),
    gate.run(pause, controller.signal),
    gate.run(async () => 'done'),
  ])
  controller.abort()
  expect(await results).toMatchObject([{ reason: { message: 'no' } }, { reason: { name: 'AbortError' } }, { value: 'done' }])
})
