import { randomUUID } from 'node:crypto'
import { basename, join } from 'node:path'
import { InvalidFileError, StoreConflictError, TenonError, StoreError } from '@tenon/core'
import { toBlock, type Block } from './block.js'
import type { Files } from './files.js'
import { readManifest, writeManifest, type Manifest, type ManifestDocument } from './manifest.js'
import { damaged, readSegment, writeSegment, type SegmentInfo } from './segment-file.js'
import { stateOf, type Entry, type State } from './state.js'

const manifestName = /^manifest-(\d+)\.jsonl$/
/** What a process may leave behind that ended while it wrote; the number is the generation it wrote for. */
const ours = /^(?:manifest-(\d+)\.jsonl|manifest-(\d+)-[\da-f-]+\.tmp|segment-(\d+)-[\da-f-]+\.bin)$/

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code
/** File systems without hard links say one of these. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES'])

/** What was read: a state, and which file each of its blocks lies in. */
interface Loaded {
  readonly manifest: Manifest
  readonly state: State
}

/**
 * A folder of segments, which never change once written, and of one manifest that says which of them count. A change
 * writes a segment, then a manifest under a name of its own, both down to the disk, and gives the manifest the name of the
 * next generation: that one step makes the change, and fails when another process was first. Until then, and after a crash
 * at any place, the manifest before it counts.
 */
export class StoreFolder {
  readonly path: string
  readonly #files: Files
  readonly #segments = new WeakMap<Block, SegmentInfo>()

  constructor(path: string, files: Files) {
    this.path = path
    this.#files = files
  }

  /**
   * The latest generation, or `undefined` where there is none yet.
   * @throws InvalidFileError, NewerStoreError, StoreError
   */
  async load(signal: AbortSignal | undefined): Promise<Loaded | undefined> {
    return this.#guarded('opening', 'Check that the path is a folder that this process may read', async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#read(signal)
        } catch (error) {
          // Files that vanish while they are read belonged to a generation that another process has just replaced.
          if (codeOf(error) !== 'ENOENT') throw error
          if (attempt === 5) throw new InvalidFileError({ path: String((error as NodeJS.ErrnoException).path ?? this.path), problem: 'is missing', remedy: damaged })
        }
      }
    })
  }

  async #read(signal: AbortSignal | undefined): Promise<Loaded | undefined> {
    const names = await this.#names()
    const latest = Math.max(0, ...generations(names))
    if (latest === 0) {
      if (!names.some((name) => ours.test(name) && name.endsWith('.bin'))) return undefined
      throw new InvalidFileError({ path: this.path, problem: 'holds segments of a knowledge base and no manifest', remedy: damaged })
    }
    const path = join(this.path, `manifest-${latest}.jsonl`)
    const manifest = await readManifest(path, await this.#files.readFile(path), signal)
    const blocks: Block[] = []
    for (const info of manifest.segments) {
      const block = await toBlock(await readSegment(this.#files, join(this.path, info.file), info, manifest.dimensions, signal), manifest.dimensions, signal)
      this.#segments.set(block, info)
      blocks.push(block)
    }
    const empty = await toBlock(noParts, manifest.dimensions, signal)
    const entries = new Map(manifest.documents.map(([key, source, revision, segment, from, to, metadata]): [string, Entry] => [key, { key, source, revision, metadata, block: blocks[segment] ?? empty, from, to }]))
    return { manifest, state: stateOf(blocks, entries, manifest.nextId) }
  }

  async #names(): Promise<string[]> {
    try {
      return await this.#files.readdir(this.path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  }

  /**
   * Makes `state` the generation after `previous`.
   * @throws StoreConflictError when another process made one since; StoreError, AbortedError. Then nothing has changed.
   */
  async commit(previous: Pick<Manifest, 'generation' | 'dimensions' | 'sample'>, state: State, signal: AbortSignal | undefined): Promise<Manifest> {
    const generation = previous.generation + 1
    const written: string[] = []
    const name = (kind: string, ending: string) => {
      const path = join(this.path, `${kind}-${generation}-${randomUUID()}.${ending}`)
      written.push(path)
      return path
    }
    return this.#guarded('writing', 'Free space or mend the folder, and repeat: what it held before is untouched', async () => {
      try {
        await this.#files.mkdir(this.path, { recursive: true })
        const segments: SegmentInfo[] = []
        for (const { block } of state.blocks) segments.push(this.#segments.get(block) ?? (await this.#writeBlock(name('segment', 'bin'), block, signal)))
        const places = new Map(state.blocks.map(({ block }, index) => [block, index]))
        const documents = [...state.entries.values()].map(({ key, source, revision, metadata, block, from, to }): ManifestDocument => [key, source, revision, places.get(block) ?? -1, from, to, metadata])
        const manifest: Manifest = { ...previous, generation, nextId: state.nextId, segments, documents }
        const temporary = name('manifest', 'tmp')
        const bytes = await writeManifest(manifest, signal)
        await this.#durably(temporary, async (handle) => handle.writeFile(bytes))
        await this.#publish(temporary, generation)
        state.blocks.forEach(({ block }, index) => this.#segments.set(block, segments[index] as SegmentInfo))
        await this.#tidy(manifest)
        return manifest
      } catch (error) {
        for (const path of written) await this.#files.unlink(path).catch(() => undefined)
        // Whoever was first has the name, or has tidied away what this one had written.
        const overtaken = Math.max(0, ...generations(await this.#names().catch(() => []))) >= generation
        throw overtaken ? new StoreConflictError({ store: this.path }) : error
      }
    })
  }

  async #writeBlock(path: string, block: Block, signal: AbortSignal | undefined): Promise<SegmentInfo> {
    let info: Omit<SegmentInfo, 'file'> | undefined
    await this.#durably(path, async (handle) => void (info = await writeSegment(handle, block, signal)))
    return { file: basename(path), ...(info as Omit<SegmentInfo, 'file'>) }
  }

  async #durably(path: string, write: (handle: Awaited<ReturnType<Files['open']>>) => Promise<void>): Promise<void> {
    const handle = await this.#files.open(path, 'wx')
    try {
      await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  /** The step that makes the change. */
  async #publish(temporary: string, generation: number): Promise<void> {
    const path = join(this.path, `manifest-${generation}.jsonl`)
    try {
      await this.#files.link(temporary, path)
    } catch (error) {
      // Over a network a link may be made and the answer be lost.
      const made = (await this.#files.stat(temporary)).nlink > 1
      if (!made) {
        if (!noLinks.has(codeOf(error) ?? '') || generations(await this.#names()).includes(generation)) throw error
        await this.#files.rename(temporary, path)
      }
    }
    // From here on nothing that fails may undo it, since others may have read it. But the name may have been free because
    // two others were first, and the second of them removed what the first had made.
    if (Math.max(0, ...generations(await this.#names().catch(() => []))) > generation) {
      await this.#files.unlink(path).catch(() => undefined)
      throw new StoreConflictError({ store: this.path })
    }
    // So that the name survives a power cut, too. Where folders cannot be synchronised (Windows) it survives all else.
    const folder = await this.#files.open(this.path, 'r').catch(() => undefined)
    await folder?.sync().catch(() => undefined)
    await folder?.close().catch(() => undefined)
  }

  /** Removes what no generation from this one on needs. Whoever is writing for it has lost; whoever writes for the next is spared. */
  async #tidy({ generation, segments }: Manifest): Promise<void> {
    const needed = new Set([`manifest-${generation}.jsonl`, ...segments.map(({ file }) => file)])
    for (const name of await this.#names().catch(() => [])) {
      const [, ...numbers] = ours.exec(name) ?? []
      const of = numbers.find((number) => number !== undefined)
      if (of !== undefined && Number(of) <= generation && !needed.has(name)) await this.#files.unlink(join(this.path, name)).catch(() => undefined)
    }
  }

  async #guarded<T>(doing: string, remedy: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (TenonError.isInstance(error)) throw error
      throw new StoreError({ store: this.path, doing, problem: (error as Error).message, remedy, cause: error })
    }
  }
}

const generations = (names: readonly string[]) => names.map((name) => Number(manifestName.exec(name)?.[1] ?? 0))

const noParts = {
  rows: 0,
  ids: new Float64Array(0),
  vectors: new Float32Array(0),
  lengths: new Uint32Array(0),
  terms: [],
  postingStarts: new Uint32Array(1),
  postingRows: new Uint32Array(0),
  postingCounts: new Uint16Array(0),
  contentStarts: new Float64Array(1),
  contents: new Uint8Array(0),
}
