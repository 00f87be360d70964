import { expect, it, onTestFinished, vi } from 'vitest'
import { breathe } from './breathe.js'

/** Whether the event loop turns before it is through. */
async function turns(): Promise<boolean> {
  let turned = false
  setImmediate(() => (turned = true))
  await breathe()
  return turned
}

function work(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

it('lets the event loop turn after some milliseconds of work', async () => {
  let time = performance.now()
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => time) // the machine's own may jump between two lines
  onTestFinished(() => clock.mockRestore())
  await breathe()
  for (let round = 0; round < 3; round++) {
    time += 6
    expect(await turns()).toBe(true)
    expect(await turns()).toBe(false)
  }
})

it('does not where it had nothing to do meanwhile, and soon does again', async () => {
  await breathe()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await turns()).toBe(false)
  work(6)
  expect(await turns()).toBe(true)
})
