import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../runtime.js'
import { folderOf, workshop } from '../testing/documents.js'
import { run } from '../testing/run.js'

interface SentenceJson {
  answer: string
  score: number
  source: string
  line: number
  column: number
  start: number
  end: number
  headings: string[]
  passage: { text: string; start: number; end: number }
}
type AnswerJson = SentenceJson & { question: string; found: boolean; alternatives: SentenceJson[]; milliseconds: number }
interface AskJson {
  model: string
  documents: number
  passages: number
  skipped: { source: string; reason: string }[]
  answers: AnswerJson[]
  timings: { load: number; read: number; ask: number }
}

const question = 'How thick should a tenon be?'
const asJson = (stdout: string) => JSON.parse(stdout) as AskJson

let folder: Awaited<ReturnType<typeof folderOf>>
beforeAll(async () => {
  folder = await folderOf(workshop)
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('ask', () => {
  it('answers with the sentence, its place, and what stands around it', async () => {
    const { code, stdout, stderr } = await run(['ask', question, folder.path], { columns: 100 })
    expect(code).toBe(0)
    const [sentence, blank, source, confidence] = stdout.split('\n')
    expect(sentence).toBe('It should be one third as thick as the rail.')
    expect(blank).toBe('')
    expect(source).toBe(`${join(folder.path, 'joints.md')}:5:25  Joints › Tenon`)
    expect(confidence).toMatch(/^(very )?likely · 0\.\d\d$/)
    expect(stdout).toContain('│ A tenon fits a mortise. It should be one third as thick as the rail.')
    expect(stderr).toMatch(/4 documents, 4 passages · loaded in .+, read in .+, answered in /)
  })

  it('answers from a store where no paths are named, and reads only what changed where they are', async () => {
    const own = await folderOf(workshop)
    try {
      const store = join(own.path, 'kb')
      expect(asJson((await run(['ask', question, join(own.path, 'joints.md'), '--store', store, '--json'])).stdout)).toMatchObject({ documents: 1, answers: [{ found: true }] })
      const again = asJson((await run(['ask', question, '--store', store, '--json'])).stdout)
      expect(again).toMatchObject({ documents: 1, answers: [{ found: true, answer: 'It should be one third as thick as the rail.', line: 5 }] })
    } finally {
      await own[Symbol.asyncDispose]()
    }
  })

  it('prints one JSON document and nothing else', async () => {
    const { code, stdout, stderr } = await run(['ask', 'How long should oak dry before use?', folder.path, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const document = asJson(stdout)
    expect(document).toMatchObject({ model: 'fake', documents: 4, passages: 4, skipped: [] })
    expect(Object.keys(document.timings)).toEqual(['load', 'read', 'ask'])
    const [answer] = document.answers
    expect(answer).toMatchObject({ question: 'How long should oak dry before use?', found: true, answer: '😀 Oak should dry for one year before use.', source: join(folder.path, 'drying.txt'), line: 2, column: 1, headings: [] })
    expect(answer!.alternatives.length).toBeGreaterThan(0)
  })

  it('counts offsets in UTF-16 code units of the file', async () => {
    const { stdout } = await run(['ask', 'Should it be kept out of the rain?', folder.path, '--json'])
    const { source, start, end, passage, answer } = asJson(stdout).answers[0]!
    const text = readFileSync(source, 'utf8')
    expect(text.slice(start, end)).toBe(answer)
    expect(text.slice(passage.start, passage.end)).toContain('Oak should dry')
  })

  it('answers in Chinese', async () => {
    const { stdout } = await run(['ask', '应县木塔有多高？', folder.path])
    expect(stdout).toContain('应县木塔建于1056年，高67米。')
    expect(stdout).toContain('榫卯.md:3:1')
  })

  it('answers several questions, each under its title, and paths only are named then', async () => {
    const { code, stdout } = await run(['ask', '-q', question, '--question', '应县木塔有多高？', folder.path, '--quiet'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\? How thick should a tenon be\?\n\nIt should be[^]+\n\n\? 应县木塔有多高？\n\n/)
  })

  it('says that it does not know, with what came closest, and exits with 3', async () => {
    const { code, stdout } = await run(['ask', 'Who discovered penicillin in London?', folder.path])
    expect(code).toBe(3)
    expect(stdout).toMatch(/^I don't know\. This came closest:\n\n {2}\S/)
    const json = asJson((await run(['ask', 'Who discovered penicillin in London?', folder.path, '--json'])).stdout)
    expect(json.answers[0]).toMatchObject({ found: false, answer: null })
    expect(json.answers[0]!.alternatives.length).toBeGreaterThan(0)
  })

  it('exits with 3 when one of several questions has no answer', async () => {
    expect((await run(['ask', '-q', question, '-q', 'Who discovered penicillin in London?', folder.path])).code).toBe(3)
  })

  it('knows less with a higher threshold, and shows no more than asked for', async () => {
    expect((await run(['ask', question, folder.path, '--threshold', '1'])).code).toBe(3)
    const { stdout } = await run(['ask', question, folder.path, '--top-k', '2', '--json'])
    expect(asJson(stdout).answers[0]!.alternatives).toHaveLength(1)
  })

  it('reads what is piped in, when no path is named and beside paths', async () => {
    const stdin = 'The cat is called Bob.\nIt lives in the old town of Rome.\n'
    const alone = await run(['ask', 'Where does it live in Rome?', '--json'], { stdin })
    expect(asJson(alone.stdout).answers[0]).toMatchObject({ answer: 'It lives in the old town of Rome.', source: 'stdin', line: 2, column: 1 })
    const beside = await run(['ask', 'Where does it live in Rome?', folder.path, '-', '--json'], { stdin })
    expect(asJson(beside.stdout)).toMatchObject({ documents: 5, answers: [{ source: 'stdin' }] })
  })

  it('does not read what is piped in when paths are named', async () => {
    const { stdout } = await run(['ask', question, folder.path, '--json'], { stdin: 'A tenon should be thick.' })
    expect(asJson(stdout).documents).toBe(4)
  })

  it.each([
    [['ask'], 'There is no question'],
    [['ask', ' ', '.'], 'The question is empty'],
    [['ask', question], 'There are no documents to look in'],
    [['ask', question, '-'], 'Nothing was piped in'],
  ])('teaches how to ask when called as %j', async (argv, message) => {
    const { code, stdout, stderr } = await run(argv, { stdin: '' })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`error TENON_USAGE ${message}\n`)
    expect(stderr).toContain('tenon ask "')
  })

  it('says that a store is a file, and reads UTF-16 that is piped in by its mark', async () => {
    const store = join(folder.path, 'joints.md')
    expect(await run(['ask', question, folder.path, '--store', store])).toMatchObject({ code: 1, stderr: `error ENOTDIR --store ${store}: this is a file\n  Name a folder, not a file\n` })
    const stdin = Buffer.from('\uFEFFA tenon should be one third as thick as the rail. 榫\n', 'utf16le')
    expect(asJson((await run(['ask', question, '--json'], { stdin })).stdout).answers[0]!.answer).toContain('one third as thick')
    expect(await run(['ask', question, '--json'], { stdin: stdin.subarray(2) })).toMatchObject({ code: 2, stdout: expect.stringContaining('is no text: it has zero bytes') })
  })

  it('says which path is missing', async () => {
    const { code, stdout, stderr } = await run(['ask', question, join(folder.path, 'nowhere')])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^error TENON_MISSING_FILE .*nowhere does not exist/)
    expect(stderr).not.toContain('    at ')
  })

  it('says that a folder is empty, and what could be in it', async () => {
    await using empty = await folderOf({})
    const { code, stderr } = await run(['ask', question, empty.path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error TENON_NO_DOCUMENTS [^\n]+\n {2}[^\n]*\.md/)
  })

  it('says what is wrong with a model, before the documents are read', async () => {
    await using model = await folderOf({ 'config.json': '{ "model_type": "bert" }', 'model.safetensors': 'cut off', 'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\n' })
    const broken = await run(['ask', question, folder.path, '--model', model.path], { open })
    expect(broken).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^error TENON_INVALID_FILE .*model\.safetensors/) })
    const missing = await run(['ask', question, folder.path, '--model', join(model.path, 'none')], { open })
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error TENON_MODEL_NOT_FOUND /) })
    expect(broken.stderr + missing.stderr).not.toContain('    at ')
  })

  it('tells why it skipped files, reason by reason, and lists each with --json', async () => {
    await using mixed = await folderOf({ ...workshop, 'a.png': 'x', 'b.png': 'x', 'c.json': '{' })
    const { stderr } = await run(['ask', question, mixed.path])
    expect(stderr).toContain('3 files skipped:\n')
    expect(stderr).toMatch(/a\.png and 1 more: has the extension '\.png'[^\n]*\n.*c\.json: /)
    expect(asJson((await run(['ask', question, mixed.path, '--json'])).stdout).skipped).toHaveLength(3)
  })

  it('writes no escape codes to what is no terminal', async () => {
    const { stdout, stderr } = await run(['ask', question, folder.path])
    expect(stdout + stderr).not.toContain('\u001b')
  })

  it('is quiet when asked to be', async () => {
    expect((await run(['ask', question, folder.path, '--quiet'])).stderr).toBe('')
  })
})
