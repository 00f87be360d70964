import { describe, expect, it } from 'vitest'
import { failures, record } from '../test-recorder.js'
import { toy, type BackendMistake } from '../test-toy-backend.js'
import type { BackendSuite } from './backend-suite.js'
import { testBackend } from './suite.js'

/** Takes a second. */
const LONG = 'an aborted run > ends before it is done, and the next one runs'

const run = (mistake: BackendMistake | undefined, more: Partial<BackendSuite> = {}, without: readonly string[] = [LONG]) =>
  record((framework) => testBackend(framework, { create: () => toy(mistake), missing: () => toy(mistake, false), devices: ['cpu', 'gpu'], ops: [], ...more }), without)

describe('a backend that keeps its contract', () => {
  it('passes, and is told which test vectors were skipped, and why', async () => {
    const recorded = await run(undefined, { ops: ['Sub', 'Transpose', 'Trilu', 'HardSwish', 'Add', 'Cast', 'Mod'], unsupported: { sub_int8: 'small numbers are not for toys' } }, [])
    expect(failures(recorded)).toEqual([])
    const outcome = (name: string) => recorded.find((each) => each.name.startsWith(`ONNX's test vectors > ${name}`))
    expect(outcome('sub_bcast')).toMatchObject({ outcome: 'passed' })
    expect(outcome('transpose_all_permutations_4')).toMatchObject({ outcome: 'passed' })
    expect(outcome('sub_int8')).toEqual({ name: "ONNX's test vectors > sub_int8: skipped: small numbers are not for toys", outcome: 'skipped', message: '' })
    expect(outcome('hardswish')).toMatchObject({ outcome: 'passed' })
    expect(outcome('triu_neg')).toEqual({ name: "ONNX's test vectors > triu_neg: skipped: no kernel for Trilu", outcome: 'skipped', message: '' })
    // It says that it has a kernel for Cast, and finds out later that it has none for these types.
    expect(outcome('cast_FLOAT_to_BFLOAT16')).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('it is a toy') })
  })
})

describe('a backend that breaks its contract', () => {
  it.each<[BackendMistake, readonly string[]]>([
    ['checks no feeds', ['that are missing', 'that are unknown', 'of another type', 'of another rank', 'of another size', 'that disagree on a symbol'].map((which) => `feeds > ${which} are refused`)],
    ['compiles what it cannot run', ['compile > refuses an operator that it cannot run, naming it and its node']],
    ['computes NaN as zero', ['run > passes on NaN and infinities']],
    ['drops outputs that are inputs', ['run > carries 64-bit integers exactly', 'run > gives several outputs, those included that are an input, a constant, or another output too', 'feeds > may be changed once a run is over, and what it returned stays']],
    ['forgets probe', ['probe > says that it is available, where the suite is run']],
    ['gives its inputs as outputs', ['feeds > may be changed once a run is over, and what it returned stays']],
    ['gives its weights as outputs', ['outputs > may be freed twice, and written to, and no weight or later run changes']],
    ['goes on after disposal', ['disposal > may be asked for twice, and nothing runs after it']],
    ['has no reason', ['probe > says what is missing, and compile refuses']],
    ['ignores a signal that is aborted', ['compile > ends when its signal is aborted', 'an aborted run > does not begin when its signal is aborted before']],
    ['ignores updates', ['are written into their feeds, and only the other outputs are returned', 'go into placed tensors, and leave alone what was placed', 'go into what another run returned', 'are refused where their feed is fed twice', 'are refused where they cannot be written'].map((name) => `updates > ${name}`)],
    ['keeps one memory for all outputs', ['run > takes what another run returned', 'outputs > survive later runs, and the executable']],
    ['keeps the first size', ['run > computes other sizes of its symbols from one run to the next, none and one included', 'run > gives several outputs, those included that are an input, a constant, or another output too']],
    ['lowers nothing', ['compile > lowers composites that it has no kernel for, and operators that the graph brings along', 'compile > refuses an operator that it cannot run, naming it and its node']],
    ['places nothing', ['updates > go into placed tensors, and leave alone what was placed']],
    ['reads whole buffers', ['run > reads views into larger arrays']],
    ['rounds integers', ['run > carries 64-bit integers exactly']],
    ['shares state between runs', ['run > runs several at once', 'disposal > leaves runs under way right, or ends them']],
    ['supports everything', ['supports > says yes to Add and Mul of float32, and no to what nobody knows', 'compile > lowers composites that it has no kernel for, and operators that the graph brings along', 'compile > refuses an operator that it cannot run, naming it and its node']],
    ['supports what it likes', ['supports > answers yes or no, the same each time, whatever is asked', 'supports > says yes to Add and Mul of float32, and no to what nobody knows']],
    ['swallows weights', ['compile > fails when the bytes of a weight cannot be got']],
    ['throws from probe', ['probe > says that it is available, where the suite is run', 'probe > says the same to two who ask at once', 'probe > says what is missing, and compile refuses']],
    ['throws plain errors', ['feeds > that are missing are refused', 'feeds > that are unknown are refused']],
    ['trusts updates', ['updates > are refused where their feed is fed twice', 'updates > are refused where they cannot be written', 'updates > are refused where something could read the old value after them, or made last']],
  ])('is told where it %s', async (mistake, failed) => {
    expect(failures(await run(mistake))).toEqual(failed)
  })

  it.each<BackendMistake>(['writes into feeds', 'frees feeds'])('is told, among much else, where it %s', async (mistake) => {
    expect(failures(await run(mistake))).toContain('feeds > are never written to')
  })

  it('is told where it goes on computing after an abort', async () => {
    const recorded = await run('aborts the wait only', {}, [])
    expect(failures(recorded)).toEqual([LONG])
    expect(recorded.find(({ name }) => name === LONG)!.message).toMatch(/A run of \d+ ms that was aborted near its beginning ended after \d+ ms, then .*aborting ends the computation itself/)
  })

  it('is told where a kernel computes something else than ONNX says', async () => {
    const recorded = await run('subtracts the wrong way round', { ops: ['Sub', 'Add'] })
    expect(failures(recorded)).toContain("ONNX's test vectors > sub_bcast")
    expect(failures(recorded).filter((name) => !name.includes('> sub'))).toEqual([])
    expect(recorded.find(({ name }) => name.endsWith('> sub_example'))!.message).toBe('Sub makes an output0 that is 2 and not -2 at element 0. The contract: operators mean what ONNX says; what a backend cannot run it refuses with an UnsupportedOpError.')
  })
})
