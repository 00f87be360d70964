import { ShapeMismatchError } from '@tenon/core'

interface Equation {
  /** A label for each dimension of each input; those under an ellipsis are `'.0'`, `'.1'`, …, from the last one. */
  readonly inputs: readonly (readonly string[])[]
  readonly output: readonly string[]
}

/** The labels of an Einsum. @throws ShapeMismatchError where the equation does not fit the inputs. */
export function parsed(text: string, ranks: readonly number[]): Equation {
  const fail = (): never => {
    throw new ShapeMismatchError({ op: 'Einsum', expected: `inputs that fit '${text.slice(0, 80)}'`, actual: `${ranks.length} of ${ranks.join(', ')} dimensions` })
  }
  const [left = '', right, ...more] = text.replaceAll(' ', '').split('->')
  const terms = left.split(',')
  if (more.length > 0 || terms.length !== ranks.length) return fail()
  const inputs = terms.map((term, index) => labels(term, ranks[index]!) ?? fail())
  const all = inputs.flat()
  const covered = [...new Set(all.filter((label) => label.startsWith('.')))].toSorted((a, b) => Number(b.slice(1)) - Number(a.slice(1)))
  // Without an arrow, labels that occur once are kept, in the order of the alphabet.
  const once = [...new Set(all)].filter((label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label)).toSorted()
  const output = right === undefined ? [...covered, ...once] : labels(right, right.replace('...', '').length + (right.includes('...') ? covered.length : 0)) ?? fail()
  return output.every((label, index) => all.includes(label) && output.indexOf(label) === index) ? { inputs, output } : fail()
}

function labels(term: string, rank: number): string[] | undefined {
  const [before = '', after, ...more] = term.split('...')
  const letters = [...before, ...(after ?? '')]
  const under = rank - letters.length
  if (more.length > 0 || letters.some((letter) => !/[A-Za-z]/.test(letter)) || under < 0 || (after === undefined && under > 0)) return undefined
  return [...before, ...Array.from({ length: under }, (_, index) => `.${under - 1 - index}`), ...(after ?? '')]
}
