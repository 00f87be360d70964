import { InvalidInputError, kindOf } from '@tenon/core'
import type { QuestionInContext } from './contracts.js'

/**
 * Before anything is computed: a wrong input at the end should not cost what is before it.
 * @throws InvalidInputError
 */
export function checkInputs(inputs: unknown): readonly QuestionInContext[] {
  if (Array.isArray(inputs)) return Array.from(inputs as readonly unknown[], (input, index) => checkInput(input, ` of input ${index}`))
  throw new InvalidInputError({ what: 'the input', problem: `is ${kindOf(inputs)}`, remedy: 'pass { question, context }, or an array of them' })
}

/** @throws InvalidInputError */
export function checkInput(input: unknown, place = ''): QuestionInContext {
  if (typeof input !== 'object' || input === null) throw new InvalidInputError({ what: `what was asked${place}`, problem: `is ${kindOf(input)}`, remedy: 'pass { question, context }' })
  const { question, context } = input as Readonly<Record<string, unknown>>
  return { question: checkText(`the question${place}`, question), context: checkText(`the context${place}`, context) }
}

function checkText(what: string, text: unknown): string {
  if (typeof text !== 'string') throw new InvalidInputError({ what, problem: `is ${kindOf(text)}`, remedy: 'pass a string' })
  if (text === '') throw new InvalidInputError({ what, problem: 'is empty', remedy: 'pass a text' })
  return text
}
