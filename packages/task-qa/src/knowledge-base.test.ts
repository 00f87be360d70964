import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRuntime, type ProgressEvent, type Task, type TenonEvent } from '@tenon/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NoDocumentsError, knowledgeBase, plainText, verbatim, type KnowledgeBaseOptions, type Reader } from './index.js'
import { hashEmbedder } from './testing/hash-embedder.js'

type Setting = { options?: KnowledgeBaseOptions; embedder?: ReturnType<typeof hashEmbedder> }

/** A knowledge base in a runtime whose embeddings come from `hashEmbedder`. */
async function create({ options = {}, embedder = hashEmbedder() }: Setting = {}) {
  const embedding: Task<'embedding', object, typeof embedder> = { kind: 'task', version: 'v1', name: 'embedding', create: async () => embedder }
  const runtime = createRuntime({ plugins: [embedding, knowledgeBase()] })
  const events: TenonEvent[] = []
  for (const type of ['progress', 'notice'] as const) runtime.on(type, (event) => events.push(event))
  const base = await runtime.task('knowledge-base', { model: 'none', ...options })
  return { base, events, embedder }
}

const joints = {
  source: 'joints.md',
  text: '# Joints\n\n## Tenon\n\nA tenon fits a mortise. It should be **one third** as thick as the rail.\n\n## Dovetail\n\nDovetails join the sides of drawers.\n',
}
const drying = { source: 'drying', text: 'Oak should dry for one year before use. Pine needs half of that.' }
const chinese = { source: '榫卯.md', text: '# 榫卯\n\n应县木塔建于1056年，高67米。榫头插入卯眼，不用铁钉。' }

describe('a knowledge base', () => {
  it('answers with the sentence, its place in the source, and what stands around it', async () => {
    const { base } = await create()
    await base.add([joints, drying, chinese])
    const answer = await base('How thick should a tenon be?')
    if (!answer.found) throw new Error('expected an answer')
    expect(answer.answer).toBe('It should be one third as thick as the rail.')
    expect(joints.text.slice(answer.start, answer.end)).toBe('It should be **one third** as thick as the rail.')
    expect(answer.source).toBe('joints.md')
    expect(answer.passage.headings).toEqual(['Joints', 'Tenon'])
    expect(answer.passage.text).toContain('A tenon fits a mortise.')
    expect(answer.score).toBeGreaterThan(0.5)
    expect(answer.score).toBeLessThanOrEqual(1)
    expect(answer.alternatives.map(({ source }) => source)).toContain('drying')
  })

  it('answers in Chinese', async () => {
    const { base } = await create()
    await base.add([joints, drying, chinese])
    expect(await base('应县木塔有多高？')).toMatchObject({ found: true, answer: '应县木塔建于1056年，高67米。', source: '榫卯.md' })
  })

  it('says that it does not know, and what came closest', async () => {
    const { base } = await create()
    expect(await base('Anything?')).toEqual({ found: false, answer: null, score: 0, alternatives: [] })
    await base.add([joints, drying])
    const answer = await base('Who discovered penicillin in London?')
    expect(answer).toMatchObject({ found: false, answer: null })
    expect(answer.score).toBeLessThan(0.5)
    expect(answer.alternatives[0]?.score).toBe(answer.score)
    expect(await base('Who discovered penicillin in London?', { threshold: 0 })).toMatchObject({ found: true })
  })

  it('searches passages, best first, at most topK', async () => {
    const { base } = await create()
    await base.add([joints, drying, chinese])
    const passages = await base.search('sides of drawers', { topK: 2 })
    expect(passages).toHaveLength(2)
    expect(passages[0]).toMatchObject({ source: 'joints.md', headings: ['Joints', 'Dovetail'] })
    expect(passages[0]?.score).toBeGreaterThan(passages[1]?.score as number)
  })

  it('counts what it holds', async () => {
    const { base } = await create()
    expect(base.size).toEqual({ documents: 0, passages: 0 })
    expect(await base.add([joints, drying])).toEqual({ documents: 2, replaced: 0, unchanged: 0, removed: 0, passages: 3, skipped: [] })
    expect(base.size).toEqual({ documents: 2, passages: 3 })
  })

  it('replaces a document that is added again', async () => {
    const { base } = await create()
    await base.add([joints, drying])
    const report = await base.add([{ source: 'drying', text: 'Oak should dry for nine years before use.' }])
    expect(report).toMatchObject({ documents: 1, replaced: 1 })
    expect(base.size).toEqual({ documents: 2, passages: 3 })
    expect(await base('How long should oak dry before use?')).toMatchObject({ answer: 'Oak should dry for nine years before use.' })
    expect(JSON.stringify(await base.search('oak', { topK: 10 }))).not.toContain('one year')
  })

  it('embeds the sentences of a passage once', async () => {
    const { base, embedder } = await create()
    await base.add([drying])
    await base('oak?')
    const before = embedder.calls.length
    await base('pine?')
    expect(embedder.calls.slice(before)).toEqual(['pine?'].map((question) => [question]))
  })

  it('refuses empty questions and cuts endless ones, and bears halves of characters', async () => {
    const { base, events, embedder } = await create()
    await base.add([drying, { source: 'broken', text: 'Half \ud83d a character.' }])
    for (const question of ['', ' \n']) await expect(base(question)).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
    await expect(base(undefined as unknown as string)).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
    await base(`${'oak '.repeat(100_000)}`)
    expect(events.filter(({ type }) => type === 'notice')).toMatchObject([{ code: 'TENON_QUESTION_CUT' }])
    await base('\ud83d half?')
    for (const text of embedder.calls.flat()) expect(text).not.toMatch(/\p{Surrogate}/u)
  })

  it('checks its options', async () => {
    expect(() => knowledgeBase({ treshold: 0.4 } as object)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_OPTION', message: expect.stringContaining("'threshold'") }))
    await expect(create({ options: { threshold: 2 } })).rejects.toMatchObject({ option: 'threshold' })
    await expect(create({ options: { passageLength: Number.NaN } })).rejects.toMatchObject({ option: 'passageLength' })
    await expect(create({ options: { readers: [] } })).rejects.toMatchObject({ option: 'readers' })
    const { base } = await create()
    await base.add([drying])
    await expect(base('oak?', { topK: 0 })).rejects.toMatchObject({ option: 'topK' })
    await expect(base('oak?', { threshold: Number.NaN })).rejects.toMatchObject({ option: 'threshold' })
  })

  it('keeps passages within what the embedding model reads', async () => {
    const embedder = hashEmbedder({ maxLength: 80 })
    const { base } = await create({ embedder })
    await base.add([{ source: 'long', text: 'Oak dries slowly here. '.repeat(60) }])
    for (const text of embedder.calls[0] ?? []) expect(text.split(/\s+/).length).toBeLessThanOrEqual(24)
  })
})

describe('adding', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenon-base-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function write(files: Record<string, string | Uint8Array>) {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true })
      await writeFile(join(folder, name), content)
    }
  }

  it('reads a folder with all formats below it, and says what it skipped and why', async () => {
    await write({
      'a.md': joints.text,
      'b/c.html': '<h1>Oil</h1><p>Oil the table &amp; dry it twice a year.</p>',
      'b/d.json': '{"woods": [{"name": "White oak", "hardness": 1360}]}',
      'b/e.txt': 'Keep the air between 40 and 60 percent humidity.',
      'f.jsonl': '{"title": "Wax", "text": "Wax protects less than oil."}\n',
      'g.png': new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0]),
      'h.txt': new Uint8Array([1, 0, 2]),
      'i.json': '{',
      'j.md': '\n',
      'k.txt': 'x'.repeat(2_000),
    })
    const { base } = await create({ options: { maxFileBytes: 1_000 } })
    const report = await base.add(folder)
    expect(report).toMatchObject({ documents: 5, replaced: 0 })
    expect(report.skipped.map(({ source, reason }) => [source.slice(folder.length + 1), reason])).toEqual([
      ['g.png', "has the extension '.png', which no reader reads"],
      ['h.txt', 'is a binary file'],
      ['i.json', expect.stringMatching(/^is not valid JSON: /)],
      ['j.md', 'holds no text'],
      ['k.txt', 'has 2000 bytes, more than 1000'],
    ])
    const answer = await base('How often should I oil the table in a year?')
    expect(answer).toMatchObject({ found: true, answer: 'Oil the table & dry it twice a year.', source: join(folder, 'b/c.html') })
    expect(await base('What is the hardness of white oak?')).toMatchObject({ found: true, answer: '1360' })
  })

  it('replaces a file that is added again by another path', async () => {
    await write({ 'b/a.txt': 'Oak dries.' })
    const { base } = await create()
    await base.add(folder)
    await write({ 'b/a.txt': 'Pine dries.' })
    expect(await base.add([join(folder, 'b', '..', 'b', 'a.txt')])).toMatchObject({ replaced: 1 })
    expect(base.size).toEqual({ documents: 1, passages: 1 })
  })

  it('refuses a folder without documents, and teaches what it reads', async () => {
    await write({ 'a.bin': 'x' })
    const { base } = await create()
    const error = await base.add(folder).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NoDocumentsError)
    expect(error).toMatchObject({ code: 'TENON_NO_DOCUMENTS', skipped: [{ source: join(folder, 'a.bin') }], message: expect.stringContaining('.txt, .text, .md') })
    await expect(base.add([])).rejects.toMatchObject({ code: 'TENON_NO_DOCUMENTS' })
  })

  it('refuses a path that does not exist, and adds nothing of the rest', async () => {
    await write({ 'a.txt': 'Oak dries.' })
    const { base } = await create()
    await expect(base.add([folder, join(folder, 'missing')])).rejects.toMatchObject({ code: 'TENON_MISSING_FILE' })
    expect(base.size.documents).toBe(0)
  })

  it('refuses what is neither a path nor a document', async () => {
    const { base } = await create()
    for (const what of [[''], [{ text: 'x' }], [null]]) await expect(base.add(what as string[])).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
  })

  it('takes readers of other formats, which see the bytes', async () => {
    await write({ 'a.bin': new Uint8Array([0, 79, 97, 107]) })
    const reader: Reader = {
      extensions: ['.bin'],
      read(content) {
        const text = String.fromCharCode(...content.bytes().subarray(1))
        return { text, blocks: [{ headings: [], content: verbatim(text, 0) }] }
      },
    }
    const { base } = await create({ options: { readers: [plainText, reader] } })
    await base.add(folder)
    expect(await base.search('oak')).toMatchObject([{ text: 'Oak', start: 0, end: 3 }])
  })

  it('reads a document from memory in its format, by name or by what is said', async () => {
    const { base } = await create()
    await base.add([{ source: 'a.html', text: '<p>x &amp; y</p>' }, { source: 'b.txt', text: '*z*', format: '.md' }, { source: 'c', text: '*w*' }])
    const texts = (await base.search('x', { topK: 9 })).map(({ text }) => text)
    expect(new Set(texts)).toEqual(new Set(['x & y', 'z', '*w*']))
  })

  it('tells how far it is, to the caller and to the runtime, and not too often', async () => {
    const { base, events } = await create()
    const told: ProgressEvent[] = []
    await base.add(Array.from({ length: 300 }, (_, index) => ({ source: `${index}`, text: `Oak ${index}.` })), { onProgress: (event) => told.push(event) })
    expect(new Set(told.map(({ stage }) => stage))).toEqual(new Set(['reading documents', 'embedding passages', 'indexing passages']))
    expect(told.findLast(({ stage }) => stage === 'reading documents')).toMatchObject({ done: 300, total: 300, unit: 'documents' })
    expect(told.length).toBeLessThan(100)
    expect(events).toEqual(told)
  })

  it.each(['reading documents', 'embedding passages', 'indexing passages'])('leaves nothing behind when aborted while %s', async (stage) => {
    const { base } = await create()
    await base.add([drying])
    const controller = new AbortController()
    const many = Array.from({ length: 200 }, (_, index) => ({ source: `${index}`, text: `Pine number ${index}.` }))
    const adding = base.add([{ source: 'drying', text: 'Oak is replaced.' }, ...many], {
      signal: controller.signal,
      onProgress: (event) => event.stage === stage && controller.abort('enough'),
    })
    await expect(adding).rejects.toMatchObject({ code: 'TENON_ABORTED', name: 'AbortError', cause: 'enough' })
    expect(base.size).toEqual({ documents: 1, passages: 1 })
    expect(await base.search('oak pine number', { topK: 9 })).toMatchObject([{ text: drying.text }])
    expect(await base.add(many)).toMatchObject({ documents: 200, replaced: 0 })
  })

  it('finds nothing of an addition until all of it is there', async () => {
    let release = () => {}
    let slow = false
    const embedder = hashEmbedder({ before: () => (slow ? new Promise<void>((resolve) => (release = resolve)) : undefined) })
    const { base } = await create({ embedder })
    await base.add([drying])
    slow = true
    const adding = base.add([joints])
    while (embedder.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
    slow = false
    expect(base.size.documents).toBe(1)
    expect(await base.search('dovetail', { topK: 9 })).toHaveLength(1)
    release()
    await adding
    expect(base.size.documents).toBe(2)
  })

  it('aborts questions too', async () => {
    const { base } = await create()
    await base.add([drying])
    const signal = AbortSignal.abort()
    await expect(base('oak?', { signal })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    await expect(base.search('oak?', { signal })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
  })
})
