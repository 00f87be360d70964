import { AbortedError, AccessDeniedError, DownloadError, NoSuchRevisionError, throwIfAborted, type TenonError } from '@tenon/core'
import type { HubSettings } from './hub-settings.js'
import type { Repository } from './repository.js'
import { watchdog, type Watchdog } from './watchdog.js'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** A failure that may pass: the same request is worth repeating. */
export class TransientFailure extends Error {
  /** What to throw once it is not repeated any more. */
  readonly error: TenonError
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined

  constructor(error: TenonError, retryAfter?: number) {
    super(error.message)
    this.error = error
    this.retryAfter = retryAfter
  }
}

/** What was asked for does not exist; or the repository is private, of which the hub says the same. */
export class NotThere extends Error {
  readonly what: 'repository' | 'file'

  constructor(what: 'repository' | 'file', message: string) {
    super(message)
    this.what = what
  }
}

export interface HubRequest {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  /** First byte wanted. */
  readonly from?: number
  readonly signal: AbortSignal
}

/** An answer that says yes: 200, 206, 416 where `from` is past the end, or for HEAD the redirect that already says what the file is. */
export interface HubAnswer {
  readonly status: number
  readonly headers: Headers
  /**
   * The body as it comes.
   * @throws AbortedError, TransientFailure when the connection breaks or nothing comes for too long.
   */
  chunks(): AsyncGenerator<Uint8Array>
  /** Lets go of a body that is not read to its end. */
  close(): Promise<void>
}

export type SendToHub = (request: HubRequest) => Promise<HubAnswer>

const LONGEST_WAY = 10 // redirects; browsers follow 20, the hub needs 2

/**
 * Sends a request about a repository, follows redirects, and turns every refusal into an error that says what to do. The
 * token goes to the endpoint alone: not to another host, another port, or over another protocol.
 * @throws AbortedError, TransientFailure, NotThere, and coded errors.
 */
export function hubRequests({ endpoint, token, answerTimeout, readTimeout }: HubSettings, repository: Repository, fetch: Fetch): SendToHub {
  const { origin } = new URL(endpoint)

  return async function send({ method, url: first, from, signal }) {
    throwIfAborted(signal)
    const watch = watchdog(signal)
    const failure = (url: string, error: unknown) => {
      if (signal.aborted) return new AbortedError(signal.reason)
      if (watch.expired !== undefined) return timeout(url, watch.expired)
      return connectionFailure(url, error)
    }
    let answered = false
    try {
      let url = new URL(first)
      for (let way = 0; way <= LONGEST_WAY; way++) {
        const headers: Record<string, string> = {
          'user-agent': 'tenon',
          'accept-encoding': 'identity', // lengths and ranges are those of the file
          ...(from === undefined ? {} : { range: `bytes=${from}-` }),
          ...(token !== undefined && url.origin === origin ? { authorization: `Bearer ${token}` } : {}),
        }
        watch.within(answerTimeout)
        const shown = withoutQuery(url)
        const response = await fetch(url.href, { method, headers, redirect: 'manual', signal: watch.signal }).catch((error: unknown) => {
          throw failure(shown, error)
        })
        const target = redirectOf(response, url)
        // A redirect to another host that says what the file is answers a HEAD: what lies there may know of no file.
        const knows = method === 'HEAD' && target?.origin !== url.origin && response.headers.has('x-linked-etag')
        if (target !== undefined && !knows) {
          await response.body?.cancel()
          url = target
          continue
        }
        const pastEnd = response.status === 416 && from !== undefined
        if (!response.ok && !knows && !pastEnd) throw refusal(response, { url: shown, page: `${endpoint}/${repository.id}`, elsewhere: url.origin !== origin, hasToken: token !== undefined, ...repository })
        answered = method === 'GET'
        const { body, status, headers: received } = response
        if (!answered) await body?.cancel()
        return {
          status,
          headers: received,
          chunks: () => chunks(body, watch, readTimeout, (error) => failure(shown, error)),
          async close() {
            watch.end()
            if (body?.locked === false) await body.cancel()
          },
        }
      }
      throw new DownloadError({ url: first, problem: `redirects more than ${LONGEST_WAY} times`, remedy: 'Check the endpoint, and what stands between it and you' })
    } finally {
      if (!answered) watch.end()
      else watch.within(answerTimeout) // until somebody reads
    }
  }
}

async function* chunks(body: ReadableStream<Uint8Array> | null, watch: Watchdog, readTimeout: number, failure: (error: unknown) => Error): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  try {
    for (;;) {
      if (reader === undefined) return
      watch.within(readTimeout)
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw failure(error)
      })
      watch.rest() // the consumer may take its time
      if (done) return
      yield value
    }
  } finally {
    watch.end()
    await reader?.cancel().catch(() => undefined)
  }
}

function redirectOf(response: Response, from: URL): URL | undefined {
  const location = response.headers.get('location')
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return undefined
  if (URL.canParse(location, from.href)) {
    const target = new URL(location, from)
    if (target.protocol === 'https:' || target.protocol === 'http:') return target
  }
  throw new DownloadError({ url: withoutQuery(from), problem: `redirects to '${location.slice(0, 100)}', which is no web address`, remedy: 'Check the endpoint, and what stands between it and you' })
}

/** Signed addresses carry their signature in the query. */
const withoutQuery = (url: URL) => `${url.origin}${url.pathname}`

const timeout = (url: string, milliseconds: number) =>
  new TransientFailure(
    new DownloadError({
      url,
      problem: `sent nothing for ${milliseconds / 1000} s`,
      remedy: 'Try again, what has come is kept; a slow connection may need a larger HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT, in seconds',
    }),
  )

function connectionFailure(url: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason = cause instanceof Error ? cause.message || code : String(cause)
  const insecure = /CERT|SELF_SIGNED|UNABLE_TO_/.test(code)
  const failed = new DownloadError({
    url,
    problem: `cannot be reached: ${reason}`,
    remedy: insecure
      ? 'Where a proxy signs for others, name its certificate in NODE_EXTRA_CA_CERTS'
      : 'Check the connection, and whether a proxy is needed: pass a fetch that goes through it',
    cause: error,
  })
  return insecure ? failed : new TransientFailure(failed)
}

interface Refused extends Repository {
  readonly url: string
  readonly page: string
  /** Whether a redirect led to another host, such as a signed address that has run out. */
  readonly elsewhere: boolean
  readonly hasToken: boolean
}

/** What an answer that says no means. The hub's own codes come in headers. */
function refusal({ status, headers, body }: Response, { url, page, elsewhere, hasToken, id, revision }: Refused): Error {
  body?.cancel().catch(() => undefined)
  const code = headers.get('x-error-code')
  const said = headers.get('x-error-message')
  const problem = `answers ${status}${said === null ? '' : `: ${said.slice(0, 300)}`}`
  const tokenRemedy = hasToken ? 'Check that the token is valid and may read this model' : 'Pass a token, in the variable HF_TOKEN or as hub({ token })'
  const failed = new DownloadError({ url, problem, remedy: status === 429 ? 'Wait; with a token the hub answers more often' : 'Try again later' })
  if (code === 'RevisionNotFound') return new NoSuchRevisionError({ model: id, revision })
  if (code === 'EntryNotFound') return new NotThere('file', problem)
  if (code === 'GatedRepo') return new AccessDeniedError({ what: `The model '${id}'`, problem: 'is gated', remedy: `Accept its terms on ${page}. ${tokenRemedy}` })
  if (code === 'RepoNotFound') return new NotThere('repository', problem)
  if (elsewhere || status === 408 || status === 429 || status >= 500) return new TransientFailure(failed, retryAfter(headers))
  // Without an account, the hub answers 401 for what does not exist, too.
  if (status === 404 || (status === 401 && said !== 'Invalid credentials in Authorization header')) return new NotThere('repository', problem)
  if (status === 401 || status === 403) return new AccessDeniedError({ what: `The model '${id}'`, problem: `may not be read: ${page} ${problem}`, remedy: tokenRemedy })
  return failed
}

/** Seconds, or a date. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  const milliseconds = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now()
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds)
}
