import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** How far embeddings may be from the reference's, absolutely, by the type they are computed in. */
export const tolerance = { float32: 1e-4 } as const

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

export const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readFile(fixture(path), 'utf8')) as T

/** A fresh folder, removed when the test ends. */
async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-embedding-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/**
 * A whole model folder: a pooling fixture such as `'cls/new'` laid over their base, or the base alone, and files written or
 * taken away after.
 */
export async function modelFolder(over?: string, files: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const path = await temporaryFolder()
  await cp(fixture('pooling/base'), path, { recursive: true })
  if (over !== undefined) await cp(fixture(`pooling/${over}`), path, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    const file = join(path, name)
    await mkdir(dirname(file), { recursive: true })
    if (content === undefined) await rm(file)
    else await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  }
  return path
}

export interface Matrix {
  readonly shape: readonly [number, number]
  readonly data: readonly number[]
}

/** The largest difference of any number; infinite where the shapes differ. */
export function apart(actual: readonly Float32Array[], { shape: [rows, columns], data }: Matrix): number {
  if (actual.length !== rows || actual.some((vector) => vector.length !== columns)) return Infinity
  const flat = actual.flatMap((vector) => Array.from(vector))
  return data.reduce((worst, value, index) => Math.max(worst, Number.isFinite(flat[index]) ? Math.abs(value - flat[index]!) : Infinity), 0)
}

export const matrixOf = (vectors: readonly Float32Array[]): Matrix => ({ shape: [vectors.length, vectors[0]?.length ?? 0], data: vectors.flatMap((vector) => Array.from(vector)) })

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)

export const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
