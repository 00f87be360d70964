import type { Backend, Executable } from './backend.js'
import { checkResult } from './check-plugin-result.js'
import type { BackendChoice, Chosen } from './choose.js'
import { throwIfAborted } from './errors/aborted-error.js'
import { BackendUnavailableError } from './errors/backend-unavailable-error.js'
import { InvalidDeploymentError } from './errors/invalid-deployment-error.js'
import { InvalidOptionError } from './errors/invalid-option-error.js'
import { TenonError } from './errors/tenon-error.js'
import type { Emit } from './events.js'
import type { Graph } from './graph.js'
import { graphKey, keyOf, shapeKey } from './identity.js'
import { nearest } from './nearest.js'
import { orAborted } from './or-aborted.js'
import { probeBackend } from './probe-backend.js'
import { Shared, type Lease } from './shared.js'
import { timeRuns, type Timing } from './time-runs.js'
import { describeSizes, warmUpFeeds } from './warm-up-feeds.js'

export interface CompileRequest {
  readonly emit: Emit
  readonly signal: AbortSignal | undefined
  /** The most tokens that a text may have, as far as it is known. */
  readonly maxLength?: number | undefined
}

/** A backend with the device it would use, as notices and errors name it: `'onnx/cuda'`. */
interface Candidate extends Chosen<Backend> {
  readonly label: string
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
  readonly #executables = new Shared<Executable>()
  /** What `auto` found, by graph and candidates. */
  readonly #quickest = new Map<string, Candidate>()
  /** Measurements disturb one another: there is one at a time. */
  #measuring: Promise<unknown> = Promise.resolve()
  /** Candidates that took too long, until they have ended. */
  readonly #abandoned = new Set<Promise<void>>()

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
    const reason = typeof only.options['device'] === 'string' ? await whyNot(only, choice) : undefined
    if (reason !== undefined) throw noneAvailable([named(only)], [reason])
    return this.#acquire(only, graph, request)
  }

  async #onFirst(candidates: readonly Candidate[], choice: BackendChoice, graph: Graph, request: CompileRequest): Promise<Lease<Executable>> {
    const passedOver: { readonly candidate: Candidate; readonly reason: string }[] = []
    for (const candidate of candidates) {
      throwIfAborted(request.signal)
      const reason = await whyNot(candidate, choice)
      const attempt = reason ?? (await this.#acquire(candidate, graph, request).catch(reasonToPass))
      if (typeof attempt === 'string') passedOver.push({ candidate, reason: attempt })
      else {
        const why = passedOver.map((each) => `${each.candidate.label}: ${each.reason}`).join('; ')
        if (why !== '') request.emit({ type: 'notice', code: 'TENON_BACKEND_FALLBACK', message: `'${graph.name}' runs on ${candidate.label}: ${why}` })
        return attempt
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
      request.emit({ type: 'notice', code: 'TENON_AUTO_BACKEND', message: `'${graph.name}' runs on ${known.label}, the quickest for a graph alike` })
      return lease
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
    if (others.length > 0) {
      for (const candidate of candidates) {
        const outcome = await this.#measure(candidate, choice.auto!.milliseconds, graph, sizes, request, best?.timing.milliseconds).catch(async (error: unknown) => {
          await best?.lease.release()
          throw error
        })
        if (typeof outcome === 'string') passedOver.push({ candidate, reason: outcome })
        else {
          told.push(`${candidate.label} ${show(outcome.timing.milliseconds)}`)
          const quicker = best === undefined || outcome.timing.milliseconds < best.timing.milliseconds
          const slower = quicker ? best : outcome
          if (quicker) best = outcome
          await slower?.lease.release()
        }
      }
    }
    const lease = best?.lease ?? (await this.#onFirst(candidates, choice, graph, { ...request, emit: () => undefined }))
    const winner = best?.candidate ?? only
    if (best !== undefined || others.length === 0) this.#quickest.set(key, winner)
    const figures = told.length > 0 ? `${told.join(', ')} a run${describeSizes(graph, sizes)}` : others.length === 0 ? 'nothing else is available' : 'none could be measured'
    const why = [figures, ...passedOver.map((each) => `${each.candidate.label}: ${each.reason}`)].join('; ')
    request.emit({ type: 'notice', code: 'TENON_AUTO_BACKEND', message: `'${graph.name}' runs on ${winner.label}: ${why}` })
    return lease
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

const deviceOf = ({ options }: Chosen<Backend>): string | undefined => (typeof options['device'] === 'string' ? options['device'] : undefined)

function named(chosen: Chosen<Backend>): Candidate {
  const device = deviceOf(chosen)
  return { ...chosen, label: device === undefined ? chosen.plugin.name : `${chosen.plugin.name}/${device}` }
}

/**
 * Why a backend, or the device asked of it, is not available here.
 * @throws InvalidDeploymentError, InvalidOptionError when it has no such device.
 */
async function whyNot(chosen: Chosen<Backend>, { path }: BackendChoice): Promise<string | undefined> {
  const { plugin } = chosen
  const wanted = deviceOf(chosen)
  const { available, devices = [], ...probe } = await probeBackend(plugin)
  const reason = available ? undefined : (probe as { reason: string }).reason
  const device = devices.find((each) => each.device === wanted)
  if (wanted === undefined || devices.length === 0) return reason
  if (device === undefined) throw noSuchDevice(plugin.name, wanted, devices.map((each) => each.device), path)
  return device.available ? reason : device.reason ?? reason ?? 'it is not available'
}

function noSuchDevice(backend: string, device: string, devices: readonly string[], path: string | undefined): TenonError {
  const close = nearest(device, devices)
  const problem = `is '${device}', which is no device of the backend '${backend}' as it was passed`
  const remedy = `${close === undefined ? '' : `Did you mean '${close}'? `}It has: ${devices.join(', ')}`
  return path === undefined ? new InvalidOptionError({ where: `the backend '${backend}'`, option: 'device', problem, remedy }) : new InvalidDeploymentError({ path: `${path}.device`, problem, remedy })
}

/** Each backend with each of its devices, unless a device was named. */
async function expand(choice: BackendChoice): Promise<{ candidates: Candidate[]; passedOver: { candidate: Candidate; reason: string }[] }> {
  const candidates: Candidate[] = []
  const passedOver: { candidate: Candidate; reason: string }[] = []
  for (const chosen of choice.candidates) {
    const probe = deviceOf(chosen) === undefined ? await probeBackend(chosen.plugin) : undefined
    const devices = probe?.available === true ? probe.devices.map(({ device }) => device) : []
    const several = devices.map((device) => ({ ...chosen, options: { ...chosen.options, device } }))
    for (const each of several.length > 1 ? several : [chosen]) {
      // Of a single device nothing need be said to the backend; it is named all the same.
      const candidate = several.length === 1 ? { ...named(several[0]!), options: chosen.options } : named(each)
      const reason = await whyNot(each, choice)
      if (reason === undefined) candidates.push(candidate)
      else passedOver.push({ candidate, reason })
    }
  }
  return { candidates, passedOver }
}

/** What the model cannot read need not be measured. */
function limited(sizes: Readonly<Record<string, number>>, maxLength: number | undefined): Readonly<Record<string, number>> {
  const asked = sizes['sequence'] ?? 128
  return maxLength === undefined || maxLength >= asked ? {} : { sequence: maxLength }
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
