import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesOf, inlineConstant, lazyConstant, tensor, type Backend, type Constant, type Executable, type Graph, type HostTensor, type Node, type Tensor, type ValueInfo } from '@tenon/core'
import { Add, Mul } from '@tenon/graph/ops'
import { breach, keeps, worded } from '../breach.js'
import { differs, type Read } from '../compare.js'
import { isEvent } from '../events.js'
import type { TestFramework } from '../framework.js'
import { read, runAndRead } from '../read.js'
import { rejects } from '../rejects.js'
import { accumulating, composite, doubling, floats, graph, longWork, racing, riddle, scaling, summing } from './graphs.js'
import type { BackendSuite } from './backend-suite.js'

const context = { emit: () => {} }

/** The contract of a backend in @tenon/core, sentence by sentence. Two kernels are needed for it: Add and Mul, on float32. */
export function declareContract({ describe, it }: TestFramework, { create, devices = [], missing, options = {} }: BackendSuite, backend: Backend<string, object>): void {
  const compile = (of: Graph): Promise<Executable> => backend.compile(of, options, context)

  describe('probe', () => {
    const contract = 'probe reports and never throws; a reason says what is missing and the remedy'

    it('says that it is available, where the suite is run', async () => {
      const probe = await probed(backend)
      keeps(probe.available, { contract: 'the suite is run where the backend is available', did: `probe says: ${probe.available ? '' : probe.reason}` })
      keeps(Array.isArray(probe.devices) && probe.devices.some(({ available }) => available), { contract, did: 'probe says that the backend is available, and tells of no device that is', actual: probe.devices })
      for (const device of devices) keeps(probe.devices.some((each) => each.device === device), { contract, did: `probe does not tell of the device '${device}'`, actual: probe.devices })
      for (const each of probe.devices) keeps(each.available || worth(each.reason), { contract, did: `probe gives no reason why '${each.device}' is missing`, actual: each })
    })

    it('says the same to two who ask at once', async () => {
      const [one, other] = await Promise.all([probed(backend), probed(backend)])
      keeps(one.available === other.available, { contract, did: 'probe answered differently to two who asked at once', actual: [one, other] })
    })

    if (missing !== undefined) {
      it('says what is missing, and compile refuses', async () => {
        const absent = missing()
        try {
          const probe = await probed(absent)
          keeps(!probe.available && worth(probe.reason), { contract, did: 'probe gives no reason although a library or device is missing', actual: probe })
          await rejects(() => absent.compile(doubling, options, context), { code: 'TENON_BACKEND_UNAVAILABLE', asked: 'Compiling without the library or device', contract: 'compile throws a BackendUnavailableError' })
        } finally {
          await absent.dispose?.()
        }
      })
    }
  })

  describe('supports', () => {
    const contract = 'supports says whether there is a kernel for a node with inputs of these types'
    const value = (name: string, dtype: ValueInfo['dtype'] = 'float32'): ValueInfo => Object.freeze({ name, dtype, shape: Object.freeze(['n', 2]) })
    const node = (op: string, ...inputs: string[]): Node => Object.freeze({ op, inputs: Object.freeze(inputs), outputs: Object.freeze(['y']), attributes: Object.freeze({}) })
    const questions: readonly [Node, readonly (ValueInfo | undefined)[]][] = [
      [node('Add', 'a', 'b'), [value('a'), value('b')]],
      [node('Mul', 'a', 'b'), [value('a'), value('b')]],
      [node('Add', 'a', 'b'), [value('a', 'string'), value('b', 'string')]],
      [node('Clip', 'a', '', 'b'), [value('a'), undefined, value('b')]],
      [node('test.tenon::Riddle', 'a'), [value('a')]],
      [node('', 'a'), [undefined]],
    ]

    it('answers yes or no, the same each time, whatever is asked', async () => {
      for (const [asked, inputs] of questions) {
        const answers = [backend.supports(asked, inputs), backend.supports(asked, inputs)]
        keeps(answers.every((answer) => typeof answer === 'boolean') && answers[0] === answers[1], { contract: `${contract}: it is a pure function`, did: `supports says ${answers.join(', then ')} of '${asked.op}'`, actual: answers })
      }
    })

    it('says yes to Add and Mul of float32, and no to what nobody knows', async () => {
      for (const [asked, inputs] of questions.slice(0, 2)) keeps(backend.supports(asked, inputs), { contract: 'the suite needs Add and Mul of float32', did: `supports says no to ${asked.op}` })
      for (const [asked, inputs] of questions.slice(4)) keeps(!backend.supports(asked, inputs), { contract, did: `supports says yes to '${asked.op}', which no backend knows` })
    })
  })

  describe('compile', () => {
    it('makes an executable that tells its inputs and outputs', async () => {
      await using executable = await compile(summing)
      const contract = "an executable has the graph's inputs and outputs"
      const described = (values: readonly ValueInfo[]) => values.map(({ name, dtype, shape }) => `${name} ${dtype}[${shape.join(', ')}]`).join('; ')
      keeps(described(executable.inputs) === described(summing.inputs), { contract, did: 'its inputs are others', actual: executable.inputs, expected: summing.inputs })
      keeps(described(executable.outputs) === described(summing.outputs), { contract, did: 'its outputs are others', actual: executable.outputs, expected: summing.outputs })
      same(await runAndRead(executable, { a: matrix(2, 1, 2, 3, 4), b: matrix(2, 10, 20, 30, 40) }), { y: matrix(2, 11, 22, 33, 44) }, contract)
    })

    it('takes weights that are at hand, computed when asked for, or in a file', async () => {
      const values = Float32Array.of(2, -3, 0.5)
      const path = join(tmpdir(), `tenon-testing-${randomUUID()}`)
      await writeFile(path, Buffer.concat([Buffer.alloc(3, 1), bytesOf(values)]))
      const weights: Record<string, Constant> = {
        'at hand': inlineConstant('float32', [3], values),
        computed: lazyConstant('float32', [3], async () => bytesOf(values)),
        'in a file': { dtype: 'float32', shape: [3], byteLength: 12, file: { path, offset: 3 }, bytes: async () => bytesOf(values) },
      }
      try {
        for (const [where, weight] of Object.entries(weights)) {
          await using executable = await compile(scaling(weight))
          same(await runAndRead(executable, { x: floats(1, 2, 3) }), { y: floats(2, -6, 1.5) }, `a weight that is ${where} is that weight`)
        }
      } finally {
        await rm(path, { force: true })
      }
    })

    it('fails when the bytes of a weight cannot be got', async () => {
      const broken = lazyConstant('float32', [3], () => Promise.reject(new Error('the disk is gone')))
      const thrown: unknown = await compile(scaling(broken)).then((executable) => executable[Symbol.asyncDispose]().then(() => undefined), (error: unknown) => error)
      keeps(thrown !== undefined, { contract: 'compile fetches the bytes of weights', did: 'compile went on without a weight whose bytes cannot be got' })
      keeps(causes(thrown).some((each) => worded(each).includes('the disk is gone')), { contract: 'what failed first is what is told', did: `compile told "${worded(thrown)}" of a weight whose bytes cannot be got: the disk is gone`, actual: thrown })
    })

    it('lowers composites that it has no kernel for, and operators that the graph brings along', async () => {
      await using executable = await compile(composite)
      same(await runAndRead(executable, { x: floats(1, -2) }), { y: floats(4, -8) }, 'composites without a kernel are lowered to their decompositions, those of graph.operators too')
    })

    it('refuses an operator that it cannot run, naming it and its node', () =>
      rejects(() => compile(riddle), { code: 'TENON_UNSUPPORTED_OP', naming: ['test.tenon::Riddle', "'answer'"], asked: 'A graph with an operator without kernel or decomposition', contract: 'compile throws an UnsupportedOpError that names the operator and the node' }))

    it('ends when its signal is aborted', () =>
      rejects(() => backend.compile(doubling, options, { ...context, signal: AbortSignal.abort('enough') }), { code: 'TENON_ABORTED', asked: 'Compiling with a signal that is aborted', contract: 'compile ends with an AbortedError when its signal is aborted' }))

    it('tells events that are well formed', async () => {
      const events: unknown[] = []
      const executable = await backend.compile(doubling, options, { emit: (event) => events.push(event) })
      await executable[Symbol.asyncDispose]()
      for (const event of events) keeps(isEvent(event), { contract: 'events are those of TenonEvent', did: 'compile told an event that is none', actual: event })
    })
  })

  describe('run', () => {
    it('computes other sizes of its symbols from one run to the next, none and one included', async () => {
      await using executable = await compile(doubling)
      for (const size of [3, 1, 0, 200, 2]) {
        const values = Array.from({ length: size }, (_, index) => index - 1)
        same(await runAndRead(executable, { x: floats(...values) }), { y: floats(...values.map((each) => 2 * each)) }, 'a symbol of a shape stands for any size, another in each run')
      }
    })

    it('takes and gives scalars', async () => {
      await using executable = await compile(graph('scalars', { x: [], y: [] }, ({ x, y }) => ({ product: Mul(x, y) })))
      same(await runAndRead(executable, { x: tensor('float32', [], Float32Array.of(3)), y: tensor('float32', [], Float32Array.of(-2)) }), { product: tensor('float32', [], Float32Array.of(-6)) }, 'a scalar has no axes and one element')
    })

    it('passes on NaN and infinities', async () => {
      await using executable = await compile(doubling)
      same(await runAndRead(executable, { x: floats(NaN, Infinity, -Infinity, -0) }), { y: floats(NaN, Infinity, -Infinity, -0) }, 'NaN and infinities are numbers as IEEE 754 has them')
    })

    it('carries 64-bit integers exactly', async () => {
      const large = tensor('int64', [4], BigInt64Array.of(2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)))
      await using executable = await compile(graph('passing', { x: ['n'] }, ({ x }) => ({ y: x }), 'int64'))
      same(await runAndRead(executable, { x: large }), { y: large }, 'int64 holds every integer of 64 bits')
    })

    it('reads views into larger arrays', async () => {
      await using executable = await compile(doubling)
      const all = Float32Array.of(9, 1, 2, 9)
      same(await runAndRead(executable, { x: tensor('float32', [2], all.subarray(1, 3)) }), { y: floats(2, 4) }, 'a feed is what its typed array shows, which may be a part of a buffer')
    })

    it('gives several outputs, those included that are an input, a constant, or another output too', async () => {
      const several = graph('several', { x: ['n'], unread: ['n'] }, ({ x }, builder) => {
        const sum = Add(x, x)
        return { sum, again: sum, input: x, constant: builder.constant(inlineConstant('float32', [2], Float32Array.of(7, 8)), 'weight') }
      })
      await using executable = await compile(several)
      const expected = (...x: number[]) => ({ sum: floats(...x.map((each) => 2 * each)), again: floats(...x.map((each) => 2 * each)), input: floats(...x), constant: floats(7, 8) })
      const contract = 'every output of the graph is returned, by its name'
      same(await runAndRead(executable, { x: floats(1, 2), unread: floats(0, 0) }), expected(1, 2), contract)
      same(await runAndRead(executable, { x: floats(3), unread: floats(0) }), expected(3), contract)
    })

    it('runs several at once', async () => {
      await using executable = await compile(doubling)
      const results = await Promise.all(Array.from({ length: 16 }, (_, index) => runAndRead(executable, { x: floats(index, -index, index / 2) })))
      for (const [index, result] of results.entries()) same(result, { y: floats(2 * index, -2 * index, index) }, 'runs may overlap')
    })

    it('takes what another run returned', async () => {
      await using executable = await compile(doubling)
      const { y: once } = await executable.run({ x: floats(1, 2) })
      using fed = once!
      same(await runAndRead(executable, { x: fed }), { y: floats(4, 8) }, 'an output is a tensor that can be fed')
      same({ fed: await read(fed) }, { fed: floats(2, 4) }, 'feeds are never freed')
    })
  })

  describe('feeds', () => {
    const contract = 'run throws an InvalidInputError when a feed is missing, unknown or of another type or shape'
    const refuses = async (of: Graph, asked: string, feeds: Record<string, Tensor>, naming: string) => {
      await using executable = await compile(of)
      await rejects(() => executable.run(feeds), { code: 'TENON_INVALID_INPUT', asked, naming: [naming], contract })
    }

    it('that are missing are refused', () => refuses(doubling, "A run without its feed 'x'", {}, "'x'"))
    it('that are unknown are refused', () => refuses(doubling, "A run with the feed 'other', which is no input", { x: floats(1), other: floats(1) }, "'other'"))
    it('of another type are refused', () => refuses(doubling, 'A feed of int32 for an input of float32', { x: tensor('int32', [1], Int32Array.of(1)) }, "'x'"))
    it('of another rank are refused', () => refuses(doubling, 'A feed of two axes for an input of one', { x: matrix(1, 1, 2) }, "'x'"))
    it('of another size are refused', () => refuses(summing, 'A feed of three columns for an input of two', { a: matrix(1, 1, 2, 3), b: matrix(1, 1, 2) }, "'a'"))
    it('that disagree on a symbol are refused', () => refuses(summing, "Feeds that disagree on 'batch'", { a: matrix(2, 1, 2, 3, 4), b: matrix(1, 1, 2) }, "'batch'"))
    it('that hold fewer elements than their shape says are refused', () => refuses(doubling, 'A feed of shape [4] with one element', { x: { ...floats(1), shape: [4] } as HostTensor }, 'float32'))

    it('leave an executable that goes on', async () => {
      await using executable = await compile(doubling)
      await executable.run({}).then(() => undefined, () => undefined)
      same(await runAndRead(executable, { x: floats(5) }), { y: floats(10) }, 'a run that is refused changes nothing')
    })

    it('are never written to', async () => {
      const work = graph('chain', { x: ['n'], scale: [1] }, ({ x, scale }) => ({ y: Mul(Add(Mul(x, scale), x), scale), same: x }))
      await using executable = await compile(work)
      const [x, scale] = [floats(1, 2, 3, 4), floats(3)]
      for (let time = 0; time < 3; time++) await runAndRead(executable, { x, scale })
      same({ x, scale }, { x: floats(1, 2, 3, 4), scale: floats(3) }, 'feeds are read while the run lasts; only those that the graph updates are written to')
    })

    it('may be changed once a run is over, and what it returned stays', async () => {
      await using executable = await compile(graph('passing', { x: ['n'] }, ({ x }) => ({ y: x, sum: Add(x, x) })))
      const x = floats(1, 2)
      const { y, sum } = await executable.run({ x })
      x.values.fill(9)
      same({ y: await read(y!), sum: await read(sum!) }, { y: floats(1, 2), sum: floats(2, 4) }, 'feeds are read while the run lasts')
      for (const each of [y!, sum!]) each[Symbol.dispose]()
    })
  })

  describe('outputs', () => {
    const contract = 'the outputs belong to the caller'

    it('survive later runs, and the executable', async () => {
      const executable = await compile(doubling)
      const outputs: Tensor[] = []
      for (const value of [1, 2, 3]) outputs.push((await executable.run({ x: floats(value, value) }))['y']!)
      for (const [index, output] of outputs.entries()) same({ y: await read(output) }, { y: floats(2 * index + 2, 2 * index + 2) }, contract)
      await executable[Symbol.asyncDispose]()
      for (const [index, output] of outputs.entries()) same({ y: await read(output) }, { y: floats(2 * index + 2, 2 * index + 2) }, contract)
      for (const output of outputs) output[Symbol.dispose]()
    })

    it('may be freed twice, and written to, and no weight or later run changes', async () => {
      const weight = inlineConstant('float32', [2], Float32Array.of(7, 8))
      await using executable = await compile(graph('constant', { x: ['n'] }, ({ x }, builder) => ({ constant: builder.constant(weight, 'weight'), y: Add(x, x) })))
      const first = await executable.run({ x: floats(1) })
      for (const output of Object.values(first)) {
        ;((await output.data()) as Float32Array).fill(-1)
        output[Symbol.dispose]()
        output[Symbol.dispose]()
      }
      same(await runAndRead(executable, { x: floats(1) }), { constant: floats(7, 8), y: floats(2) }, contract)
    })
  })

  describe('updates', () => {
    it('are written into their feeds, and only the other outputs are returned', async () => {
      await using executable = await compile(accumulating())
      const contract = 'a feed is written to where the graph updates that input; what updates an input is not returned'
      keeps(executable.outputs.map(({ name }) => name).join() === 'before', { contract, did: 'outputs lists others than before', actual: executable.outputs.map(({ name }) => name) })
      const total = floats(1, 2)
      for (const before of [floats(10, 20), floats(20, 40), floats(30, 60)]) same(await runAndRead(executable, { total, x: floats(1, 2) }), { before }, contract)
      same({ total }, { total: floats(4, 8) }, contract)
    })

    it('go into placed tensors, and leave alone what was placed', async () => {
      await using executable = await compile(accumulating())
      const start = floats(1, 2)
      using total = await executable.place(start)
      const contract = 'place makes a copy where runs read and update it without another'
      for (let time = 0; time < 2; time++) await runAndRead(executable, { total, x: floats(1, 1) })
      same({ total: await read(total), start }, { total: floats(3, 4), start: floats(1, 2) }, contract)
      start.values.fill(0)
      same({ total: await read(total) }, { total: floats(3, 4) }, contract)
    })

    it('go into what another run returned', async () => {
      await using doubled = await compile(doubling)
      await using executable = await compile(accumulating())
      const { y } = await doubled.run({ x: floats(1, 2) })
      using total = y!
      await runAndRead(executable, { total, x: floats(1, 1) })
      same({ total: await read(total) }, { total: floats(3, 5) }, 'a feed that is updated may come from a run of the same backend')
    })

    it('are refused where their feed is fed twice', async () => {
      await using executable = await compile(accumulating())
      const total = floats(1, 2)
      await rejects(() => executable.run({ total, x: total }), { code: 'TENON_INVALID_INPUT', naming: ["'total'"], asked: 'A tensor that is updated and fed a second time', contract: 'a feed that is updated is fed once' })
    })

    it('are refused where they cannot be written', async () => {
      await using executable = await compile(accumulating())
      const elsewhere: Tensor<'float32'> = { dtype: 'float32', shape: [2], data: async () => Float32Array.of(1, 2), [Symbol.dispose]() {} }
      await rejects(() => executable.run({ total: elsewhere, x: floats(1, 2) }), { code: 'TENON_INVALID_INPUT', naming: ["'total'", 'place'], asked: 'A tensor of another backend for an input that is updated', contract: 'a feed that is updated must be a host tensor, or come from place or a run of the same backend' })
    })

    it('are refused where something could read the old value after them, or made last', async () => {
      const contract = 'nothing reads the old value after an update: compile refuses such graphs (checkUpdates of @tenon/graph), or updates come last'
      const compiled = compile(racing())
      const refused = await compiled.then(() => false, () => true)
      if (refused) return rejects(() => compiled, { code: 'TENON_INVALID_GRAPH', naming: ["'w'"], asked: 'A graph in which Mul may read an input after its update', contract })
      await using executable = await compiled
      for (let time = 0; time < 3; time++) {
        const w = floats(2, 3)
        same(await runAndRead(executable, { w, x: floats(5, 7) }), { y: floats(10, 21) }, contract)
        same({ w }, { w: floats(25, 49) }, contract)
      }
    })
  })

  describe('an aborted run', () => {
    it('does not begin when its signal is aborted before', async () => {
      await using executable = await compile(doubling)
      await rejects(() => executable.run({ x: floats(1) }, { signal: AbortSignal.abort('enough') }), { code: 'TENON_ABORTED', asked: 'A run with a signal that is aborted', contract: 'run throws an AbortedError when its signal is aborted' })
      same(await runAndRead(executable, { x: floats(1) }), { y: floats(2) }, 'after a run that was aborted the next one runs')
    })

    it('ends before it is done, and the next one runs', () => endsEarly(compile))
  })

  describe('disposal', () => {
    it('may be asked for twice, and nothing runs after it', async () => {
      const executable = await compile(doubling)
      await executable[Symbol.asyncDispose]()
      await executable[Symbol.asyncDispose]()
      const refusal = { code: 'TENON_DISPOSED', contract: 'what was disposed of throws a DisposedError when it is used' }
      await rejects(() => executable.run({ x: floats(1) }), { ...refusal, asked: 'A run after the disposal' })
      await rejects(() => executable.place(floats(1)), { ...refusal, asked: 'Placing a tensor after the disposal' })
    })

    it('leaves runs under way right, or ends them', async () => {
      const executable = await compile(doubling)
      const runs = Array.from({ length: 4 }, (_, index) => runAndRead(executable, { x: floats(index) }).then((result) => [index, result] as const))
      await executable[Symbol.asyncDispose]()
      for (const outcome of await Promise.allSettled(runs)) {
        if (outcome.status === 'fulfilled') same(outcome.value[1], { y: floats(2 * outcome.value[0]) }, 'a run that ends well is right')
        else keeps(['TENON_DISPOSED', 'TENON_ABORTED'].includes(outcome.reason?.code), { contract: 'a run whose executable is disposed of ends well, or with a DisposedError', did: `it ended with "${worded(outcome.reason)}"` })
      }
    })

    it('of the backend may be asked for twice, with executables left over', async () => {
      const other = create()
      const executable = await other.compile(doubling, options, context)
      await other.dispose?.()
      await other.dispose?.()
      await executable[Symbol.asyncDispose]()
    })
  })
}

/** A matrix of so many rows. */
const matrix = (rows: number, ...values: number[]): HostTensor<'float32'> => tensor('float32', [rows, values.length / rows], Float32Array.from(values))

const worth = (reason: string | undefined): boolean => typeof reason === 'string' && reason.trim() !== ''

async function probed(backend: Backend<string, object>) {
  try {
    return await backend.probe()
  } catch (error) {
    throw breach({ contract: 'probe reports and never throws', did: `probe threw "${worded(error)}"` })
  }
}

/** An error, and what caused it. */
function causes(error: unknown): unknown[] {
  return error === undefined ? [] : [error, ...causes((error as Error | null)?.cause)]
}

/** Float sums are the same everywhere for these numbers: they are compared exactly. */
function same(actual: Readonly<Record<string, Read | HostTensor>>, expected: Readonly<Record<string, HostTensor>>, contract: string): void {
  const [got, wanted] = [Object.keys(actual).toSorted(), Object.keys(expected).toSorted()]
  keeps(got.join() === wanted.join(), { contract, did: `There are ${got.join(', ') || 'none'} and not ${wanted.join(', ')}`, actual: got, expected: wanted })
  for (const [name, reference] of Object.entries(expected)) {
    const difference = differs(actual[name]!, reference, { float32: { absolute: 0, relative: 0 } })
    keeps(difference === undefined, { contract, did: `'${name}' ${difference ?? ''}`, actual: Array.from(actual[name]!.values as ArrayLike<unknown>), expected: Array.from(reference.values as ArrayLike<unknown>) })
  }
}

/** How long a run must last for its end to be told from an early one, and how much work is made for it at most. */
const LONG_ENOUGH = 200
const MOST_ELEMENTS = 2 ** 22

/** Makes work that lasts, and aborts it near its beginning. Machines are busy: of three tries one must end early. */
async function endsEarly(compile: (graph: Graph) => Promise<Executable>): Promise<void> {
  const contract = 'aborting ends the computation itself, not only the wait for it'
  await using executable = await compile(longWork(256))
  const one = floats(1)
  const timed = async (elements: number, signal?: AbortSignal) => {
    const x = tensor('float32', [elements], new Float32Array(elements).fill(1))
    const start = performance.now()
    const outcome = await executable.run({ x, one }, signal && { signal }).then(
      (outputs) => {
        for (const output of Object.values(outputs)) output[Symbol.dispose]()
        return undefined
      },
      (error: unknown) => error ?? new Error('undefined was thrown'),
    )
    return { outcome, milliseconds: performance.now() - start }
  }
  let elements = 1024
  let whole = (await timed(elements)).milliseconds
  while (whole < LONG_ENOUGH && elements < MOST_ELEMENTS) whole = (await timed((elements *= 4))).milliseconds
  const tried: string[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const { outcome, milliseconds } = await timed(elements, AbortSignal.timeout(Math.max(1, Math.floor(whole / 20))))
    if (outcome !== undefined && (outcome as { code?: unknown }).code !== 'TENON_ABORTED') throw breach({ contract: 'run throws an AbortedError when its signal is aborted', did: `A run that was aborted ended with "${worded(outcome)}"` })
    // Between two whole runs, since what else the machine does changes from one second to the next.
    const next = (await timed(elements)).milliseconds
    if (outcome !== undefined && milliseconds < Math.min(whole, next) / 2) return same(await runAndRead(executable, { x: floats(3), one }), { y: floats(3) }, 'after a run that was aborted the next one runs')
    tried.push(`${outcome === undefined ? 'ran to its end' : 'ended'} after ${Math.round(milliseconds)} ms`)
    whole = next
  }
  throw breach({ contract, did: `A run of ${Math.round(whole)} ms that was aborted near its beginning ${tried.join(', then ')}` })
}
