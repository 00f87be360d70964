import { InvalidInputError, InvalidOptionError, TenonError } from '@tenon/core'
import { describe as group, expect, it } from 'vitest'
import { describe } from './describe.js'

group("errors of the libraries in the command line's words", () => {
  it.each([
    ['maxNewTokens', "a call of the task 'code-generation'", 'is 9000, and the context holds 20', 'Give a smaller one', '--max-tokens is 9000, and the context holds 20', 'Give a smaller one'],
    ['contextLength', "the task 'text-generation'", 'is 5', 'Give fewer maxNewTokens, or leave contextLength out', '--context-length is 5', 'Give fewer --max-tokens, or leave --context-length out'],
    ['topP', 'conversation', 'is 0', 'Pass a number above 0', '--top-p is 0', 'Pass a number above 0'],
    ['to', 'exportModel', 'is ./a, which exists', 'Name a new folder, or pass overwrite: true to replace it', '--to is ./a, which exists', 'Name a new folder, or pass --overwrite to replace it'],
    ['slots', 'conversation', 'is 0', 'Pass 1', "The option 'slots' of conversation is 0", 'Pass 1'],
  ])('name the flag that sets %s', (option, where, problem, remedy, message, told) => {
    expect(describe(new InvalidOptionError({ where, option, problem, remedy }))).toEqual({ code: 'TENON_INVALID_OPTION', message, remedy: told })
  })

  it('tell of a prompt that is too long, and of a full conversation', () => {
    expect(describe(new InvalidInputError({ what: 'the prompt', problem: 'has 9 tokens', remedy: 'cut it, or open the decoder with a greater contextLength or cacheBytes, where the model reads more' })).remedy).toBe('Cut it, or open the decoder with a greater --context-length, where the model reads more')
    expect(describe(new InvalidInputError({ what: 'the prompt', problem: 'is longer', remedy: 'leave truncate out, so that what is around the cursor is kept' })).remedy).toBe('Leave --no-truncate out, so that what is around the cursor is kept')
    expect(describe(new TenonError({ code: 'TENON_CONTEXT_FULL', message: 'Full', remedy: "Take turns back with undo() or replace() (on the command line /undo), or open the conversation with overflow: 'drop-oldest' (--drop-oldest)" })).remedy).toBe('Take the last question back with /undo, begin anew with /reset, or start with --drop-oldest')
  })
})
