import type { Backend, Executable } from './backend.js'
import { deviceOf, expand, named, whyNot, type Candidate, type PassedOver } from './candidates.js'
import { checkResult } from './check-plugin-result.js'
import type { BackendChoice, Chosen } from './choose.js'
import { throwIfAborted } from './errors/aborted-error.js'
import { BackendUnavailableError } from './errors/backend-unavailable-error.js'
import { TenonError } from './errors/tenon-error.js'
import { UnsupportedOpError } from './errors/unsupported-op-error.js'
import type { Emit } from './events.js'
import type { Graph } from './graph.js'
import { graphKey, keyOf, shapeKey } from './identity.js'
import { orAborted } from './or-aborted.js'
import { Shared, type Lease } from './shared.js'
import { timeRuns, type Timing } from './time-runs.js'
import { describeSizes, warmUpFeeds } from './warm-up-feeds.js'

export interface CompileRequest {
  readonly emit: Emit
  readonly signal: AbortSignal | undefined
  /** The most tokens that a text may have, as far as it is known. */
  readonly maxLength?: number | undefined
}

interface Measured {
  readonly candidate: Candidate
  readonly lease: Lease<Executable>
  readonly timing: Timing
}

/** Why a graph may run on another backend: this one is missing, has no kernel, or its library fails. */
const passable = new Set(['TENON_BACKEND_UNAVAILABLE', 'TENON_UNSUPPORTED_OP', 'TENON_BACKEND_FAILED'])

/** Compiles graphs on the backends that were chosen; equal graphs with equal choices share one executable while it is in use. */
export class Compiler {
  readonly #backends: readonly Backend[]
  readonly #executables = new Shared<Executable>()
  /** What `auto` found, by graph and candidates. */
  readonly #quickest = new Map<string, Candidate>()
  /** Measurements disturb one another: there is one at a time. */
  #measuring: Promise<unknown> = Promise.resolve()
  /** Candidates that took too long, until they have ended. */
  readonly #abandoned = new Set<Promise<void>>()

  /** @param backends All of the runtime: an error tells which of them could have run what one cannot. */
  constructor(backends: readonly Backend[]) {
    this.#backends = backends
  }

  /** @throws BackendUnavailableError, InvalidDeploymentError and InvalidOptionError for a device that does not exist, AbortedError, and what `compile` of the backend throws. */
  async compile(choice: BackendChoice, graph: Graph, request: CompileRequest): Promise<Lease<Executable>> {
    throwIfAborted(request.signal)
    if (choice.auto !== undefined) return this.#onQuickest(choice, graph, request)
    const [only, ...others] = choice.candidates
    if (only === undefined) throw noBackend()
    return others.length === 0 ? this.#onOnly(only, choice, graph, request) : this.#onFirst(choice.candidates.map(named), choice, graph, request)
  }

  /**
   * Asks the backends whether the devices that were chosen exist and one of them is available.
   * @throws BackendUnavailableError, InvalidDeploymentError, InvalidOptionError
   */
  async check(choice: BackendChoice): Promise<void> {
    const reasons = await Promise.all(choice.candidates.map((candidate) => whyNot(candidate, choice)))
    if (reasons.every((reason) => reason !== undefined)) throw noneAvailable(choice.candidates.map(named), reasons)
  }

  /** Resolves when nothing is left of candidates that took too long. */
  async settled(): Promise<void> {
    await Promise.all(this.#abandoned)
  }

  async #onOnly(only: Chosen<Backend>, choice: BackendChoice, graph: Graph, request: CompileRequest): Promise<Lease<Executable>> {
    // Without a device there is nothing to compare: compile tells better than a probe what is missing.
    const reason = deviceOf(only) !== undefined ? await whyNot(only, choice) : undefined
    if (reason !== undefined) throw noneAvailable([named(only)], [reason])
    return this.#acquire(only, graph, request).catch((error: unknown) => {
      throw error instanceof UnsupportedOpError ? error.among(this.#backends) : error
    })
  }

  async #onFirst(candidates: readonly Candidate[], choice: BackendChoice, graph: Graph, request: CompileRequest): Promise<Lease<Executable>> {
    const passedOver: PassedOver[] = []
    for (const candidate of candidates) {
      throwIfAborted(request.signal)
      const reason = await whyNot(candidate, choice)
      const attempt = reason ?? (await this.#acquire(candidate, graph, request).catch(reasonToPass))
      if (typeof attempt === 'string') passedOver.push({ candidate, reason: attempt })
      else {
        const why = passedOver.map((each) => `${each.candidate.label}: ${each.reason}`).join('; ')
        return why === '' ? attempt : announced(attempt, request, 'TENON_BACKEND_FALLBACK', `'${graph.name}' runs on ${candidate.label}: ${why}`)
      }
    }
    throw noneAvailable(passedOver.map(({ candidate }) => candidate), passedOver.map(({ reason }) => reason))
  }

  async #onQuickest(choice: BackendChoice, graph: Graph, request: CompileRequest): Promise<Lease<Executable>> {
    const key = keyOf([shapeKey(graph), choice.candidates.map(({ plugin, options }) => [plugin.name, options]), choice.auto])
    const before = this.#measuring
    const turn = orAborted(before, request.signal).then(async () => {
      const known = this.#quickest.get(key)
      const lease = known === undefined ? 'unknown' : await this.#acquire(known, graph, request).catch(reasonToPass)
      if (known === undefined || typeof lease === 'string') return this.#measureAll(key, choice, graph, request)
      return announced(lease, request, 'TENON_AUTO_BACKEND', `'${graph.name}' runs on ${known.label}, the quickest for a graph alike`)
    })
    this.#measuring = Promise.allSettled([before, turn])
    return turn
  }

  async #measureAll(key: string, choice: BackendChoice, graph: Graph, request: CompileRequest): Promise<Lease<Executable>> {
    const { candidates, passedOver } = await expand(choice)
    const [only, ...others] = candidates
    if (only === undefined) throw noneAvailable(passedOver.map(({ candidate }) => candidate), passedOver.map(({ reason }) => reason))
    const sizes = { ...choice.auto!.sizes, ...limited(choice.auto!.sizes, request.maxLength) }
    let best: Measured | undefined
    const told: string[] = []
    try {
      for (const [done, candidate] of others.length > 0 ? candidates.entries() : []) {
        request.emit({ type: 'progress', stage: `measuring ${candidate.label}`, done, total: candidates.length, unit: 'backends' })
        const outcome = await this.#measure(candidate, choice.auto!.milliseconds, graph, sizes, request, best?.timing.milliseconds)
        if (typeof outcome === 'string') passedOver.push({ candidate, reason: outcome })
        else {
          told.push(`${candidate.label} ${show(outcome.timing.milliseconds)}`)
          const quicker = best === undefined || outcome.timing.milliseconds < best.timing.milliseconds
          const slower = quicker ? best : outcome
          if (quicker) best = outcome
          await slower?.lease.release()
        }
      }
    } catch (error) {
      await best?.lease.release()
      throw error
    }
    const lease = best?.lease ?? (await this.#onFirst(candidates, choice, graph, { ...request, emit: () => undefined }))
    const winner = best?.candidate ?? only
    if (best !== undefined || others.length === 0) this.#quickest.set(key, winner)
    const figures = told.length > 0 ? `${told.join(', ')} a run${describeSizes(graph, sizes)}` : others.length === 0 ? 'nothing else is available' : 'none could be measured'
    const why = [figures, ...passedOver.map((each) => `${each.candidate.label}: ${each.reason}`)].join('; ')
    return announced(lease, request, 'TENON_AUTO_BACKEND', `'${graph.name}' runs on ${winner.label}: ${why}`)
  }

  /** How long a candidate takes, or why it is passed over. */
  async #measure(candidate: Candidate, milliseconds: number, graph: Graph, sizes: Readonly<Record<string, number>>, request: CompileRequest, toBeat: number | undefined): Promise<Measured | string> {
    throwIfAborted(request.signal)
    const until = performance.now() + milliseconds
    const patience = AbortSignal.timeout(milliseconds)
    const signal = request.signal === undefined ? patience : AbortSignal.any([request.signal, patience])
    const acquiring = this.#acquire(candidate, graph, { ...request, signal })
    const abandon = () => {
      const ending = acquiring.then(({ release }) => release(), () => undefined).catch(() => undefined).finally(() => this.#abandoned.delete(ending))
      this.#abandoned.add(ending)
    }
    try {
      const lease = await orAborted(acquiring, signal)
      const timing = await orAborted(timeRuns(lease.value, warmUpFeeds(graph, sizes), { signal, until, toBeat }), signal)
      return { candidate, lease, timing }
    } catch (error) {
      abandon()
      if (request.signal?.aborted) {
        await this.settled()
        throwIfAborted(request.signal)
      }
      if (patience.aborted) return `took longer than ${show(milliseconds)} to compile and warm up`
      return sentence(error)
    }
  }

  #acquire({ plugin, options }: Chosen<Backend>, graph: Graph, { emit, signal }: CompileRequest): Promise<Lease<Executable>> {
    const compile = async (stop: AbortSignal) => checkResult(plugin, 'compile', await plugin.compile(graph, options as never, { emit, signal: stop }))
    return this.#executables.acquire(`${plugin.name} ${keyOf(options)} ${graphKey(graph)}`, compile, signal)
  }
}

/** What the model cannot read need not be measured. */
function limited(sizes: Readonly<Record<string, number>>, maxLength: number | undefined): Readonly<Record<string, number>> {
  const asked = sizes['sequence'] ?? 128
  return maxLength === undefined || maxLength >= asked ? {} : { sequence: maxLength }
}

/** Says what was chosen. A listener that throws does not keep it. */
async function announced(lease: Lease<Executable>, { emit }: CompileRequest, code: string, message: string): Promise<Lease<Executable>> {
  try {
    emit({ type: 'notice', code, message })
    return lease
  } catch (error) {
    await lease.release()
    throw error
  }
}

function reasonToPass(error: unknown): string {
  if (TenonError.isInstance(error) && passable.has(error.code)) return sentence(error)
  throw error
}

/** An error's message without a full stop at its end, to stand among others. */
const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')

const show = (milliseconds: number): string => (milliseconds < 1000 ? `${Number(milliseconds.toPrecision(3))} ms` : `${Number((milliseconds / 1000).toPrecision(3))} s`)

const noBackend = () => new BackendUnavailableError({ backend: 'any', reason: 'no backend plugin was passed', remedy: 'Pass a backend, such as onnx() from @tenon/backend-onnx' })

const noneAvailable = (candidates: readonly Candidate[], reasons: readonly (string | undefined)[]) =>
  candidates.length === 0
    ? noBackend()
    : new BackendUnavailableError({
        backend: candidates.map(({ label }) => label).join(', '),
        reason: candidates.length === 1 ? reasons[0]! : candidates.map(({ label }, index) => `${label}: ${reasons[index]}`).join('; '),
        remedy: candidates.length === 1 ? 'Follow the remedy above, or choose several to be tried in order: backend: [ … ]' : 'Follow one of the remedies above',
      })
