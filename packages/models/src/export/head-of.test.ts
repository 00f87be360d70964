import { InvalidFileError, InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { bert } from '../bert.js'
import { architectureWith, headOf } from './head-of.js'

const config = (...architectures: unknown[]) => ({ model_type: 'bert', architectures })

describe('headOf', () => {
  it.each([
    ['BertModel', 'base'],
    ['BertForMaskedLM', 'masked-lm'],
    ['BertForNextSentencePrediction', 'next-sentence'],
    ['BertForPreTraining', 'pretraining'],
    ['RobertaForSequenceClassification', 'sequence-classification'],
    ['XLMRobertaForTokenClassification', 'token-classification'],
    ['DebertaV2ForQuestionAnswering', 'question-answering'],
    ['DistilBertForMultipleChoice', 'multiple-choice'],
    ['MPNetModel', 'base'],
    ['Qwen2MoeForCausalLM', 'causal-lm'],
    ['GPT2LMHeadModel', 'causal-lm'],
  ])('of %s is %s', (architecture, head) => {
    expect(headOf(config(architecture))).toBe(head)
  })

  it('knows every head that BERT has', () => {
    const heads = ['Model', 'ForMaskedLM', 'ForNextSentencePrediction', 'ForPreTraining', 'ForSequenceClassification', 'ForTokenClassification', 'ForQuestionAnswering', 'ForMultipleChoice'].map((ending) => headOf(config(`Bert${ending}`)))
    expect(heads.toSorted()).toEqual(bert().heads.toSorted())
  })

  it('is the base where the config names no class', () => {
    for (const architectures of [undefined, null, [], 'BertModel', [3]]) expect(headOf({ model_type: 'bert', architectures })).toBe('base')
  })

  it.each([
    ['question-answering', 'question-answering'],
    ['feature-extraction', 'base'],
    ['text-classification', 'sequence-classification'],
    ['fill-mask', 'masked-lm'],
    ['text-generation', 'causal-lm'],
    ['token-classification', 'token-classification'],
  ])('is that of the task %s, whatever the class', (task, head) => {
    expect(headOf(config('BertForPreTraining'), task)).toBe(head)
  })

  it('refuses a task it does not know, with the one that was meant', () => {
    expect(() => headOf(config('BertModel'), 'fil-mask')).toThrow(InvalidOptionError)
    expect(() => headOf(config('BertModel'), 'fil-mask')).toThrow("Did you mean 'fill-mask'?")
    for (const task of ['toString', '__proto__', '']) expect(() => headOf(config('BertModel'), task)).toThrow(InvalidOptionError)
  })

  it('refuses a class it does not know, rather than guessing', () => {
    expect(() => headOf(config('BertLMHead'))).toThrow(InvalidFileError)
  })
})

describe('architectureWith', () => {
  it('names the class of the head', () => {
    expect(architectureWith('base', config('BertForMaskedLM'))).toBe('BertModel')
    expect(architectureWith('question-answering', config('RobertaModel'))).toBe('RobertaForQuestionAnswering')
    expect(architectureWith('causal-lm', config('GPT2LMHeadModel'))).toBe('GPT2LMHeadModel')
  })

  it('leaves a class alone of which it knows too little', () => {
    expect(architectureWith('base', config('Odd'))).toBe('Odd')
    expect(architectureWith('own-head', config('BertModel'))).toBe('BertModel')
    expect(architectureWith('base', { model_type: 'bert' })).toBeUndefined()
  })
})
