import { describe, expect, it } from 'vitest'
import { open } from '../runtime.js'
import { run } from '../testing/run.js'

describe('start', () => {
  it('answers from Markdown, HTML and Chinese with the real model, and says what to try next', async () => {
    const { code, stdout, stderr } = await run(['start'], { open, columns: 100, env: { npm_lifecycle_event: 'start' } })
    // A slow machine tells its progress after five seconds.
    expect({ code, said: stderr.replaceAll(/^.+ … \d+ of \d+\n/gm, '') }).toEqual({ code: 0, said: '' })
    expect(stdout).toMatch(/drying\.md:\d+:\d+/)
    expect(stdout).toMatch(/tools\.html:\d+:\d+/)
    expect(stdout).toMatch(/榫卯\.md:\d+:\d+/)
    expect(stdout).not.toContain("I don't know")
    expect(stdout).toContain('npm start -- "your question" ./your/folder')
  })

  it('names the commands as they are called outside of the repository', async () => {
    const { stdout } = await run(['start'], { open })
    expect(stdout).toContain('tenon ask "your question" ./your/folder')
  })
})
