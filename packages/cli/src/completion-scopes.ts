import type { CompletionScope } from '@tenon/task-codegen'

/** Those of the task, which is loaded only when something is to be completed: the compiler tells what is missing here. */
const scopes: Readonly<Record<CompletionScope, true>> = { auto: true, line: true, statement: true, block: true, function: true }

export const completionScopes = Object.keys(scopes)
