import { checkOptions, InvalidInputError, InvalidOptionError } from '@tenon/core'
import { constraintOf, type ConstraintFactory } from './constraint.js'
import { parseGrammar } from './parse-grammar.js'

export interface GrammarOptions {
  /** The rule that the whole text must match. Default `'root'`. */
  readonly root?: string | undefined
}

/**
 * A constraint to what a context-free grammar generates, written as llama.cpp writes them (GBNF).
 *
 * Rules that begin with themselves are refused; so is a grammar that no text fits.
 * @throws InvalidGrammarError @throws UnsatisfiableConstraintError @throws InvalidOptionError @throws InvalidInputError
 */
export function grammar(source: string, options: GrammarOptions = {}): ConstraintFactory {
  checkOptions('grammar', options, ['root'])
  const { root = 'root' } = options
  if (typeof source !== 'string') throw new InvalidInputError({ what: 'the grammar', problem: `is ${source === null ? 'null' : `a ${typeof source}`}`, remedy: 'pass its text' })
  if (typeof root !== 'string') throw new InvalidOptionError({ where: 'grammar', option: 'root', problem: `is a ${typeof root}`, remedy: 'Pass the name of a rule' })
  return constraintOf(() => parseGrammar(source, root))
}
