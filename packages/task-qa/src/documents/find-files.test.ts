import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findFiles } from './find-files.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-find-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function write(...paths: string[]) {
  for (const path of paths) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), path)
  }
}
const found = async (...paths: string[]) => (await findFiles(paths.map((path) => join(folder, path)))).files.map(({ path }) => relative(folder, path))

describe('finding files', () => {
  it('walks folders in the order of names', async () => {
    await write('b.md', 'a/z.md', 'a/b/c.md', 'c.md')
    expect(await found('.')).toEqual(['a/b/c.md', 'a/z.md', 'b.md', 'c.md'])
  })

  it('passes by hidden entries and node_modules below a folder, and takes them when named', async () => {
    await write('.git/config', '.env', 'node_modules/x/readme.md', 'a.md')
    expect(await found('.')).toEqual(['a.md'])
    expect(await found('.env', 'node_modules')).toEqual(['.env', 'node_modules/x/readme.md'])
  })

  it('lists a file once, however it is reached, and leaves circles of links', async () => {
    await write('a/x.md')
    await symlink('..', join(folder, 'a/up'))
    await symlink(join(folder, 'a/x.md'), join(folder, 'link.md'))
    expect(await found('.', 'a', 'a/x.md')).toEqual(['a/x.md'])
  })

  it('reports links that lead nowhere', async () => {
    await write('a.md')
    await symlink('nowhere', join(folder, 'b.md'))
    const { files, skipped } = await findFiles([folder])
    expect(files).toHaveLength(1)
    expect(skipped).toEqual([{ source: join(folder, 'b.md'), reason: expect.stringContaining('cannot be opened') }])
  })

  it('refuses a path that does not exist', async () => {
    await expect(findFiles([join(folder, 'missing')])).rejects.toMatchObject({ code: 'TENON_MISSING_FILE', path: join(folder, 'missing') })
  })
})
