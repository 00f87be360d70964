import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a request met instead of what it asked for. All but the last also serve what they change. */
export interface Fault {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Breaks the connection after so many bytes of the body. */
  readonly cutAfter?: number
  /** Sends nothing more after so many bytes of the body. */
  readonly stallAfter?: number
  /** Milliseconds between pieces of 16 KB. */
  readonly slow?: number
  readonly ignoresRange?: boolean
  readonly redirect?: string
}

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly host: 'hub' | 'cdn'
  readonly authorization: string | undefined
  readonly range: string | undefined
}

export interface PublishOptions {
  readonly revision?: string
  /** Which files are large, and lie on another host. Default: weights and graphs. */
  readonly isLarge?: (file: string) => boolean
}

/** A hub on this machine, and a second host that holds large files. It speaks what huggingface_hub and we use of the protocol. */
export interface TestHub extends AsyncDisposable {
  readonly endpoint: string
  readonly requests: SeenRequest[]
  /** Publishes files under a branch and returns the commit. */
  publish(id: string, files: Readonly<Record<string, string | Uint8Array>>, options?: PublishOptions): string
  /** Repositories that ask for this token. */
  protect(id: string, token: string, code: 'GatedRepo' | 'RepoNotFound'): void
  rename(from: string, to: string): void
  /** Decides about each request; `undefined` serves it. */
  fault: (request: SeenRequest) => Fault | undefined
  /** Leaves `blobs=true` without effect, as mirrors may. */
  tellsHashes: boolean
}

interface PublishedFile {
  readonly bytes: Uint8Array
  readonly gitId: string
  readonly sha256: string | undefined
}
type Commit = ReadonlyMap<string, PublishedFile>

export const gitId = (bytes: Uint8Array) => createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex')
export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export async function startHub(): Promise<TestHub> {
  const commits = new Map<string, { readonly id: string; readonly files: Commit }>()
  const branches = new Map<string, string>() // 'id@revision' → commit
  const large = new Map<string, Uint8Array>()
  const protectedBy = new Map<string, { readonly token: string; readonly code: string }>()
  const renamed = new Map<string, string>()

  const seen = (host: 'hub' | 'cdn', { method = 'GET', url = '/', headers }: IncomingMessage): SeenRequest => ({ method, url, host, authorization: headers.authorization, range: headers.range })

  const cdn = createServer((request, response) => {
    const noted = seen('cdn', request)
    hub.requests.push(noted)
    const bytes = large.get(new URL(noted.url, 'http://cdn').pathname.slice(1))
    if (bytes === undefined) return void response.writeHead(403).end('expired')
    serve(noted, response, bytes, {}, hub.fault(noted))
  })

  const main = createServer((request, response) => {
    const noted = seen('hub', request)
    hub.requests.push(noted)
    const fault = hub.fault(noted)
    const url = new URL(noted.url, 'http://hub')
    const path = decodeURIComponent(url.pathname)
    const [, id, isApi, revision, file] = parse(url.pathname)
    if (fault?.status !== undefined || fault?.redirect !== undefined) {
      return void response.writeHead(fault.status ?? 302, { ...(fault.redirect !== undefined && { location: fault.redirect }), ...fault.headers }).end(fault.body)
    }
    const refuse = (status: number, code: string, message = code) => void response.writeHead(status, { 'x-error-code': code, 'x-error-message': message }).end(JSON.stringify({ error: message }))
    if (id === undefined || revision === undefined) return refuse(404, 'RepoNotFound', `no such page ${path}`)
    const moved = renamed.get(id)
    if (moved !== undefined) return void response.writeHead(307, { location: noted.url.replace(`/${id}/`, `/${moved}/`) }).end()
    const lock = protectedBy.get(id)
    if (lock !== undefined && noted.authorization !== `Bearer ${lock.token}`) return refuse(lock.code === 'GatedRepo' ? 403 : 401, lock.code)
    if (![...commits.values()].some((commit) => commit.id === id)) return refuse(noted.authorization === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found')
    const sha = commits.get(revision)?.id === id ? revision : branches.get(`${id}@${revision}`)
    const commit = sha === undefined ? undefined : commits.get(sha)
    if (sha === undefined || commit === undefined) return refuse(404, 'RevisionNotFound', `Invalid rev id: ${revision}`)

    if (isApi === 'revision') return serve(noted, response, Buffer.from(JSON.stringify(revisionOf(id, sha, commit.files, hub.tellsHashes && url.searchParams.get('blobs') === 'true'))), { 'content-type': 'application/json' }, fault)
    if (isApi === 'tree') {
      const entries = [...commit.files].map(([name, { bytes, gitId, sha256 }]) => ({ type: 'file', path: name, size: bytes.byteLength, oid: gitId, ...(sha256 !== undefined && { lfs: { oid: sha256, size: bytes.byteLength, pointerSize: 130 } }) }))
      const page = Number(url.searchParams.get('cursor') ?? 0)
      const next = page + 2 < entries.length ? { link: `<${hub.endpoint}${url.pathname}?recursive=true&cursor=${page + 2}>; rel="next"` } : {}
      return serve(noted, response, Buffer.from(JSON.stringify(entries.slice(page, page + 2))), { 'content-type': 'application/json', ...next }, fault)
    }
    const found = commit.files.get(file ?? '')
    const common = { 'x-repo-commit': sha }
    if (found === undefined) return void response.writeHead(404, { ...common, 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' }).end()
    if (found.sha256 === undefined) return serve(noted, response, found.bytes, { ...common, etag: `"${found.gitId}"` }, fault)
    const { port } = cdn.address() as AddressInfo
    const location = `http://127.0.0.1:${port}/${found.sha256}?signature=secret`
    return void response.writeHead(302, { ...common, location, 'x-linked-etag': `"${found.sha256}"`, 'x-linked-size': String(found.bytes.byteLength) }).end('Found')
  })

  await Promise.all([main, cdn].map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))))
  const hub: TestHub = {
    endpoint: `http://127.0.0.1:${(main.address() as AddressInfo).port}`,
    requests: [],
    fault: () => undefined,
    tellsHashes: true,
    publish(id, files, { revision = 'main', isLarge = (file: string) => /\.(safetensors|onnx|onnx_data\w*|bin)$/.test(file) } = {}) {
      const commit = new Map(
        Object.entries(files).map(([name, content]): [string, PublishedFile] => {
          const bytes = typeof content === 'string' ? Buffer.from(content) : content
          if (!isLarge(name)) return [name, { bytes, gitId: gitId(bytes), sha256: undefined }]
          large.set(sha256(bytes), bytes)
          return [name, { bytes, gitId: gitId(Buffer.from(`pointer to ${sha256(bytes)}`)), sha256: sha256(bytes) }]
        }),
      )
      const sha = createHash('sha1').update(JSON.stringify([id, [...commit].map(([name, { gitId }]) => [name, gitId])])).digest('hex')
      commits.set(sha, { id, files: commit })
      branches.set(`${id}@${revision}`, sha)
      return sha
    },
    protect: (id, token, code) => void protectedBy.set(id, { token, code }),
    rename: (from, to) => void renamed.set(from, to),
    async [Symbol.asyncDispose]() {
      await Promise.all(
        [main, cdn].map((server) => {
          server.closeAllConnections()
          return new Promise((resolve) => server.close(resolve))
        }),
      )
    },
  }
  return hub
}

/** `/api/models/<id>/(revision|tree)/<revision>` and `/<id>/resolve/<revision>/<file>`, revisions with encoded slashes. */
function parse(path: string): (string | undefined)[] {
  const api = /^\/api\/models\/(.+?)\/(revision|tree)\/([^/]+)$/.exec(path)
  const file = /^\/(.+?)\/(resolve)\/([^/]+)\/(.+)$/.exec(path)
  return (api ?? file ?? []).map((part) => decodeURIComponent(part))
}

function revisionOf(id: string, sha: string, files: Commit, blobs: boolean) {
  const siblings = [...files].map(([rfilename, { bytes, gitId, sha256 }]) => ({
    rfilename,
    ...(blobs && { size: bytes.byteLength, blobId: gitId, ...(sha256 !== undefined && { lfs: { sha256, size: bytes.byteLength, pointerSize: 130 } }) }),
  }))
  return { id, modelId: id, sha, private: false, tags: [], downloads: 0, likes: 0, siblings }
}

async function serve({ method, range }: SeenRequest, response: ServerResponse, whole: Uint8Array, headers: Readonly<Record<string, string>>, fault: Fault | undefined): Promise<void> {
  if (fault?.status !== undefined) return void response.writeHead(fault.status, fault.headers).end(fault.body)
  const bytes = fault?.body === undefined ? whole : typeof fault.body === 'string' ? Buffer.from(fault.body) : fault.body
  const from = fault?.ignoresRange === true ? undefined : /^bytes=(\d+)-$/.exec(range ?? '')?.[1]
  const start = Number(from ?? 0)
  if (from !== undefined && start >= bytes.byteLength) return void response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}` }).end()
  const body = bytes.subarray(start)
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': String(body.byteLength),
    ...(from !== undefined && { 'content-range': `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
    ...headers,
    ...fault?.headers,
  })
  if (method === 'HEAD') return void response.end()
  if (fault?.slow !== undefined) {
    for (let sent = 0; sent < body.byteLength && !response.destroyed; sent += 16_384) {
      response.write(body.subarray(sent, sent + 16_384))
      await new Promise((resolve) => setTimeout(resolve, fault.slow))
    }
    return void response.end()
  }
  const limit = fault?.cutAfter ?? fault?.stallAfter
  if (limit === undefined) return void response.end(body)
  response.write(body.subarray(0, limit), () => {
    if (fault?.cutAfter !== undefined) setTimeout(() => response.destroy(), 20) // once what was written is on its way
  })
}
