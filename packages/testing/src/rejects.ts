import { breach, worded } from './breach.js'

interface Refusal {
  /** Of the TenonError: `'TENON_INVALID_INPUT'`. */
  readonly code: string
  readonly contract: string
  /** What was asked: "A run without its feed 'x'". */
  readonly asked: string
  /** What the message must name, so that it teaches. */
  readonly naming?: readonly string[]
}

/** Asks for what must be refused, and sees to it that the error has this code and names what it is about. */
export async function rejects(ask: () => unknown, { code, contract, asked, naming = [] }: Refusal): Promise<void> {
  let thrown: unknown
  try {
    const answer = ask()
    if (!isPromise(answer)) throw breach({ contract, did: `${asked} returned no promise` })
    await answer
  } catch (error) {
    thrown = error
  }
  if (thrown === undefined) throw breach({ contract, did: `${asked} was taken`, expected: code })
  const actual = (thrown as { code?: unknown }).code
  if (actual !== code) throw breach({ contract, did: `${asked} was refused with "${worded(thrown)}", which is no ${code}`, actual, expected: code })
  const missing = naming.filter((name) => !worded(thrown).includes(name))
  if (missing.length > 0) throw breach({ contract, did: `${asked} was refused with "${worded(thrown)}", which does not name ${missing.join(' and ')}` })
}

const isPromise = (value: unknown): value is Promise<unknown> => typeof (value as Promise<unknown> | undefined)?.then === 'function'
