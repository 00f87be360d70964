import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createProgress } from './progress.js'
import { channel } from './terminal.js'
import { sink } from './testing/run.js'

describe('progress', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function create(isTTY: boolean, columns = 60) {
    const stream = sink({ isTTY, columns })
    return { stream, progress: createProgress(channel(stream, { NO_COLOR: '1' })) }
  }

  it('is one line on a terminal, drawn over and erased at the end', async () => {
    const { stream, progress } = create(true)
    progress.update({ stage: 'embedding passages', done: 0, total: 4, unit: 'passages' })
    await vi.advanceTimersByTimeAsync(200)
    progress.update({ stage: 'embedding passages', done: 2, total: 4, unit: 'passages' })
    await vi.advanceTimersByTimeAsync(100)
    progress[Symbol.dispose]()
    const lines = stream.text().split('\r\u001b[2K')
    expect(lines.at(-2)).toMatch(/^embedding passages {2}━{12}─{12} {2}2 of 4$/)
    expect(lines.at(-1)).toBe('')
    expect(stream.text()).not.toContain('\n')
    await vi.advanceTimersByTimeAsync(1000)
    expect(stream.text().split('\r\u001b[2K')).toHaveLength(lines.length)
  })

  it('is not shown for what is over at once', async () => {
    const { stream, progress } = create(true)
    progress.stage('opening the model')
    await vi.advanceTimersByTimeAsync(100)
    progress.clear()
    await vi.advanceTimersByTimeAsync(1000)
    expect(stream.text()).toBe('')
  })

  it('is a plain line now and then elsewhere', async () => {
    const { stream, progress } = create(false)
    for (let done = 0; done < 1200; done++) {
      progress.update({ stage: 'embedding passages', done, total: 1200, unit: 'passages' })
      await vi.advanceTimersByTimeAsync(10)
    }
    expect(stream.text()).toBe('embedding passages … 500 of 1,200\nembedding passages … 1,000 of 1,200\n')
  })

  it('keeps what is noted on a line of its own', async () => {
    const { stream, progress } = create(true)
    progress.stage('opening the model')
    await vi.advanceTimersByTimeAsync(200)
    progress.note('2 texts were cut')
    expect(stream.text()).toBe('\r\u001b[2Kopening the model …\r\u001b[2Knote 2 texts were cut\n')
  })
  it('breaks what is noted between words on a terminal, and nowhere else', () => {
    const message = 'tiny.gguf: 210 tensors of Q4_1 are run in 8 bits, since their blocks have minimums'
    const [narrow, file] = [create(true, 40), create(false, 40)]
    narrow.progress.note(message)
    file.progress.note(message)
    expect(narrow.stream.text()).toBe('note tiny.gguf: 210 tensors of Q4_1 are\nrun in 8 bits, since their blocks have\nminimums\n')
    expect(file.stream.text()).toBe(`note ${message}\n`)
  })
})
