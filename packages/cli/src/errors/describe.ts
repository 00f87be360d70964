import { TenonError } from '@tenon/core'
import { CommanderError } from 'commander'
import { inFlags, optionInFlags } from './in-flags.js'

/** An error as a user reads it, and as `--json` prints it. */
export interface Description {
  readonly code: string
  readonly message: string
  readonly remedy: string
}

const OTHER_FAMILY = 'Choose a model of another family: ask and embed read with BERT and its kin, chat and complete write with Llama, Mistral, Qwen, GPT-2 and StarCoder2'

/** Splits any error into what happened and what to do. */
export function describe(error: unknown): Description {
  if (TenonError.isInstance(error)) {
    const { code, remedy } = error
    const end = error.message.lastIndexOf(`. ${remedy}`)
    // Who types a command has no plugins to add.
    const forUser = code === 'TENON_NO_SUCH_FAMILY' && remedy.startsWith('Add its plugin') ? OTHER_FAMILY : remedy
    const message = end === -1 ? error.message : error.message.slice(0, end)
    return { code, message: code === 'TENON_INVALID_OPTION' ? optionInFlags(message) : message, remedy: inFlags(forUser) }
  }
  if (error instanceof CommanderError) return describeUsage(error.message)
  if (isSystemError(error)) return { code: error.code, message: ofSystem(error), remedy: systemRemedy(error.code) }
  if (isModuleError(error)) return { code: error.code, message: error.message.split('\n')[0]!, remedy: 'Install the packages again, for one is missing or half installed' }
  return {
    code: 'TENON_UNEXPECTED',
    message: error instanceof Error ? error.message : String(error),
    remedy: 'This is a mistake in Tenon: run the command again with --debug and report what it prints',
  }
}

/** commander's own sentences: `error: unknown command 'aks'\n(Did you mean ask?)`. */
function describeUsage(text: string): Description {
  const [first = '', ...rest] = text.replace(/^error: /, '').split('\n')
  const suggestion = rest.join(' ').replace(/^\(|\)$/g, '')
  return { code: 'TENON_USAGE', message: first.replace(/\.$/, ''), remedy: suggestion || 'Run it with --help to see how it is used' }
}

interface SystemError extends Error {
  readonly code: string
  readonly path?: unknown
}

/** Node.js ends such a message by the name of the call: `ENOENT: no such file or directory, stat 'none.txt'`. */
function ofSystem({ code, message, path }: SystemError): string {
  const text = message.replace(`${code}: `, '')
  return typeof path === 'string' ? `${path}: ${text.split(', ')[0]!}` : text
}

const isSystemError = (error: unknown): error is SystemError => error instanceof Error && 'syscall' in error && typeof (error as Partial<SystemError>).code === 'string'

const isModuleError = (error: unknown): error is SystemError => error instanceof Error && ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(String((error as Partial<SystemError>).code))

function systemRemedy(code: string): string {
  if (code === 'EACCES' || code === 'EPERM') return 'Ask for the right to read it, or leave it out'
  if (code === 'ENOENT') return 'Check the path'
  if (code === 'EISDIR') return 'Name a file, not a folder'
  if (code === 'EMFILE' || code === 'ENFILE') return 'Close other programs, or raise the limit of open files (ulimit -n)'
  if (code === 'ENOSPC') return 'Free some disk space'
  return 'Run it again with --debug to see where it happened'
}
