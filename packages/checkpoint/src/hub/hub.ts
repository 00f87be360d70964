import { checkOptions, InvalidOptionError, type Source } from '@tenon/core'
import type { NativeTokenizers } from '../native-tokenizers.js'
import { openFiles } from '../open-files.js'
import { checkVariant, chooseModel, variantNamed, type Variant } from '../variants.js'
import { describingFiles } from './described-files.js'
import { findSnapshot } from './find-snapshot.js'
import { hubCache } from './hub-cache.js'
import { hubFiles } from './hub-files.js'
import { hubRequests, type Fetch } from './hub-request.js'
import { hubSettings } from './hub-settings.js'
import { listRevision } from './listing.js'
import { pause as realPause, type Pause } from './pause.js'
import { isRevision, parseRepository } from './repository.js'
import { retrying } from './retry.js'

export interface HubOptions {
  /** Branch, tag, commit or `refs/pr/1`, where the reference names none. Default: `main`. */
  readonly revision?: string
  /** Which exported graph or GGUF file stands for the model, even where there are weights. Default: the weights, else the most exact graph. */
  readonly variant?: Variant
  /** Whether the weights of GGUF files become the floats they stand for, exactly, rather than stay in blocks: slower, and up to eight times the memory. Default false. */
  readonly dequantize?: boolean
  /** Access token; `false` sends none. Default: HF_TOKEN, else the file HF_TOKEN_PATH, else `token` in HF_HOME. */
  readonly token?: string | false
  /** Folder that holds `models--…`. Default: HF_HUB_CACHE, else `hub` in HF_HOME, else `~/.cache/huggingface/hub`. */
  readonly cache?: string | URL
  /** Address of the hub. Default: HF_ENDPOINT, else the public one. */
  readonly endpoint?: string
  /** Whether only the cache is read. Default: HF_HUB_OFFLINE. */
  readonly offline?: boolean
  /** Sends the requests, for a proxy. Default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** The `tokenizers` package, to use another build of it. */
  readonly tokenizers?: NativeTokenizers
  /**
   * The folder where vocabularies are kept in the form in which another thread reads them, the next time, or `false` to keep none.
   * Default: `TENON_CACHE`, or the user's cache folder.
   */
  readonly tokenizerCache?: string | URL | false
}

/**
 * The Hugging Face Hub as a source: `owner/name`, `owner/name@revision`, `owner/name:variant`, or `name` for the oldest
 * models. Downloads the configuration, the tokenizer and the weights, or else one exported graph or one GGUF model, into the
 * cache that the Python library huggingface_hub uses, and nothing that is there already. Any other file is fetched when `path` asks for it.
 *
 * A reference that no model has gives `{ notFound }`. `open` throws what `openFolder` throws, and DownloadError,
 * AccessDeniedError, NoSuchRevisionError. While it is aborted, what has come is kept for the next time.
 * @throws InvalidOptionError
 * @example
 * const runtime = createRuntime({ plugins: [files(), hub(), onnx(), bert(), embedding()] })
 * const embed = await runtime.task('embedding', { model: 'sentence-transformers/all-MiniLM-L6-v2' })
 */
export function hub(options: HubOptions = {}): Source<'hub'> {
  return hubIn({ environment: process.env, pause: realPause }, options)
}

/** What the hub takes from outside, for tests to replace. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly pause: Pause
}

export function hubIn({ environment, pause }: Surroundings, options: HubOptions): Source<'hub'> {
  checkOptions('hub', options, ['revision', 'variant', 'dequantize', 'token', 'cache', 'endpoint', 'offline', 'fetch', 'tokenizers', 'tokenizerCache'])
  const { revision = 'main', dequantize, tokenizers, tokenizerCache, fetch: send = globalThis.fetch } = options
  checkVariant('hub', options.variant)
  if (!isRevision(revision)) throw new InvalidOptionError({ where: 'hub', option: 'revision', problem: `is '${revision}'`, remedy: 'Name a branch, a tag or a commit' })

  return {
    kind: 'source',
    version: 'v1',
    name: 'hub',
    async open(reference, { emit, tokenizer, signal = new AbortController().signal }) {
      const repository = parseRepository(reference, revision)
      if (repository === undefined) return { notFound: `'${reference}' names no model of the hub, which would be owner/name, owner/name@revision or owner/name:Q4_K_M` }
      const variant = repository.variant === undefined ? options.variant : variantNamed('hub', repository.variant)
      const settings = await hubSettings(options, environment)
      const cache = hubCache(settings.cache, repository.id, settings.links)
      const requests = hubRequests(settings, repository, send as Fetch)
      const list = (revision: string, signal: AbortSignal, attempts?: number) =>
        retrying(() => listRevision(requests, settings.endpoint, { id: repository.id, revision }, signal), { pause, signal, ...(attempts !== undefined && { attempts }) })

      const found = await findSnapshot(repository, { settings, cache, list, variant, emit, signal })
      if ('notFound' in found) return found
      const model = hubFiles(found, { settings, cache, send: requests, list: async (signal) => (await list(found.commit, signal)).listing, pause, emit })
      const release = model.stopWith(signal)
      try {
        if (found.isCurrent) {
          chooseModel(model.place, model.files, variant) // throws where there is none, before anything is downloaded
          await model.ready(describingFiles(found.listing))
        }
        const checkpoint = await openFiles(model, { reference, variant, dequantize, tokenizers, tokenizerCache, tokenizer, emit, signal })
        // Not before all is there: until then the revision leads to what was there before.
        if (found.isCurrent) await cache.writeRef(repository.revision, found.commit).catch(() => undefined)
        return checkpoint
      } catch (error) {
        model.end?.()
        throw error
      } finally {
        release()
      }
    },
  }
}
