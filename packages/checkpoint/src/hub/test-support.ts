import { onTestFinished } from 'vitest'
import type { Checkpoint, TenonEvent } from '@tenon/core'
import { safetensorsBytes, temporaryFolder } from '../test-support.js'
import { hubIn, type HubOptions } from './hub.js'
import type { Pause } from './pause.js'
import { startHub, type TestHub } from './test-hub.js'

export const config = '{"model_type":"bert"}'
export const tokenizer = '{"version":"1.0","model":{"type":"WordLevel","vocab":{"u":0},"unk_token":"u"}}'

/** Bytes that no pattern shortens, the same every time. */
function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0, state = seed; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** A safetensors file with one tensor of so many bytes. */
export const weights = (length = 16, seed = 1) => safetensorsBytes({ weight: { dtype: 'U8', shape: [length], data_offsets: [0, length] } }, noise(length, seed))

export interface Visit {
  readonly hub: TestHub
  readonly cache: string
  readonly events: TenonEvent[]
  /** Milliseconds of the pauses that were made, none of which takes time. */
  readonly pauses: number[]
  open(reference: string, options?: HubOptions, more?: { readonly signal?: AbortSignal; readonly environment?: Record<string, string> }): Promise<Checkpoint | { readonly notFound: string }>
  /** Opens, and closes when the test ends. */
  checkpoint(reference: string, options?: HubOptions, more?: { readonly signal?: AbortSignal; readonly environment?: Record<string, string> }): Promise<Checkpoint>
  /** What was asked for since the last call, as 'GET hub /path'. */
  asked(): string[]
}

/** A hub and an empty cache. */
export async function visit(): Promise<Visit> {
  const hub = await startHub()
  onTestFinished(() => hub[Symbol.asyncDispose]())
  const cache = await temporaryFolder()
  const events: TenonEvent[] = []
  const pauses: number[] = []
  const pause: Pause = async (milliseconds, signal) => {
    signal.throwIfAborted()
    pauses.push(milliseconds)
  }
  const open: Visit['open'] = (reference, options = {}, { signal, environment = {} } = {}) =>
    hubIn({ environment: { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, HF_HOME: cache, ...environment }, pause }, options).open(reference, { emit: (event) => events.push(event), ...(signal && { signal }) })
  return {
    hub,
    cache,
    events,
    pauses,
    open,
    async checkpoint(...asked) {
      const opened = await open(...asked)
      if ('notFound' in opened) throw new Error(opened.notFound)
      onTestFinished(() => opened[Symbol.asyncDispose]())
      return opened
    },
    asked: () => hub.requests.splice(0).map(({ method, host, url }) => `${method} ${host} ${host === 'cdn' ? '' : url}`.trim()),
  }
}
