import { mkdir, writeFile } from 'node:fs/promises'
import { Module } from 'node:module'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidFileError, InvalidOptionError, MissingFileError } from '@tenon/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { files, type FilesOptions } from './files.js'
import { temporaryFolder } from './test-support.js'

const config = '{"model_type":"bert"}'
const context = { emit: () => undefined }
const open = (reference: string, options?: FilesOptions) => files(options).open(reference, context)

async function model(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), config)
  await writeFile(join(folder, 'model.onnx'), '')
  return folder
}

/** A project with one installed package. */
async function projectWith(name: string, manifest: object): Promise<{ project: string; folder: string }> {
  const project = await temporaryFolder()
  const folder = join(project, 'node_modules', name)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name, exports: './index.js', ...manifest }))
  return { project, folder }
}

describe('files', () => {
  it('is a source', () => {
    expect(files()).toMatchObject({ kind: 'source', version: 'v1', name: 'files' })
    expect(() => files({ form: '.' } as FilesOptions)).toThrow(InvalidOptionError)
  })

  it('opens a folder by absolute path, relative path and file URL', async () => {
    const folder = await model(await temporaryFolder())
    const near = relative(process.cwd(), folder)
    for (const reference of [folder, near, pathToFileURL(folder).href]) {
      await expect(open(reference)).resolves.toMatchObject({
        reference,
        config: { model_type: 'bert' },
        files: ['config.json', 'model.onnx'],
      })
    }
  })

  it('opens an npm package that holds a config.json, by the rules of Node', async () => {
    const { project, folder } = await projectWith('@scope/a-model', {})
    await model(folder)
    await mkdir(join(project, 'src', 'deep'), { recursive: true })
    for (const from of [project, join(project, 'src', 'deep'), pathToFileURL(project), pathToFileURL(project).href])
      await expect(open('@scope/a-model', { from })).resolves.toMatchObject({
        reference: '@scope/a-model',
        config: { model_type: 'bert' },
      })
  })

  it('opens an npm package where a package manager answers for node_modules', async () => {
    const { folder } = await projectWith('elsewhere', {})
    await model(folder)
    // Yarn's Plug'n'Play puts itself in the place of this method.
    const resolution = vi.spyOn(Module as unknown as Record<'_resolveFilename', (request: string) => string>, '_resolveFilename')
    resolution.mockImplementation(() => join(folder, 'package.json'))
    onTestFinished(() => resolution.mockRestore())
    await expect(open('elsewhere')).resolves.toMatchObject({ reference: 'elsewhere', config: { model_type: 'bert' } })
  })

  it('opens the folder that a package names as its model', async () => {
    const { project, folder } = await projectWith('a-model', { tenon: { layer: 3, model: './model' } })
    await model(join(folder, 'model'))
    const found = await open('a-model', { from: project })
    expect('path' in found && (await found.path('config.json'))).toBe(join(folder, 'model', 'config.json'))
  })

  it.each(['../other', '/etc', 'a/../../b', 3])('refuses a package that names %j as its model', async (named) => {
    const { project } = await projectWith('a-model', { tenon: { model: named } })
    await expect(open('a-model', { from: project })).rejects.toThrow(InvalidFileError)
  })

  it('says in words why a reference is not to be found here', async () => {
    const { project } = await projectWith('no-model', {})
    const empty = await temporaryFolder()
    const reasonOf = async (reference: string, from?: string) => {
      const found = await open(reference, from === undefined ? {} : { from })
      return 'notFound' in found ? found.notFound : undefined
    }
    expect(await reasonOf('owner/name')).toMatch(/there is no folder .*owner.name$/)
    expect(await reasonOf('no-such-package')).toMatch(/no folder .* no npm package of this name/)
    expect(await reasonOf('no-model', project)).toMatch(/no config\.json/)
    expect(await reasonOf('./none')).toMatch(/there is no folder/)
    expect(await reasonOf(join(empty, 'none'))).toMatch(/there is no folder/)
    expect(await reasonOf('file://host.example/model')).toMatch(/names no folder/)
    expect(await reasonOf('file:///none')).toMatch(/there is no folder/)
    expect(await reasonOf('')).toMatch(/names no folder/)
    expect(await reasonOf('node_modules')).toMatch(/holds no config\.json/)
  })

  it('says what an explicitly named folder lacks', async () => {
    await expect(open(await temporaryFolder())).rejects.toThrow(MissingFileError)
  })
})
