import { isContained } from '../contained.js'

/** A model repository at a revision. */
export interface Repository {
  /** `owner/name`, or `name` for the oldest. */
  readonly id: string
  /** Branch, tag, commit or `refs/pr/1`. */
  readonly revision: string
  /** What the reference names of several variants of the model, as it is written there. */
  readonly variant?: string
}

/** A commit's full hash, which always means the same files. */
export const isCommit = (revision: string) => /^[0-9a-f]{40}$/.test(revision)

/**
 * Reads `owner/name`, `name`, `owner/name@revision`, `owner/name:Q4_K_M`; `undefined` for what can be none of them. The rules are those of
 * the hub: letters, digits, `-`, `_` and `.`, at most 96, none of the marks at either end, no `--` or `..`.
 */
export function parseRepository(reference: string, defaultRevision: string): Repository | undefined {
  const [, id, variant, revision = defaultRevision] = /^((?:[\w.-]+\/)?[\w.-]+)(?::(\w[\w./-]*))?(?:@(.+))?$/.exec(reference) ?? []
  if (id === undefined || !id.split('/').every(isName) || !isRevision(revision)) return undefined
  if (variant !== undefined && !id.includes('/')) return undefined // a path with a drive
  return { id, revision, ...(variant !== undefined && { variant }) }
}

const isName = (name: string) => /^\w(?:[\w.-]{0,94}\w)?$/.test(name) && !/--|\.\.|\.git$/.test(name)

/** Revisions become file names in the cache. The rest of git's rules is the server's to check. */
export const isRevision = (revision: string) => isContained(revision) && /^[^\\\s~^:?*[\p{Cc}]+$/u.test(revision) && !/^\/|\/$|\/\/|(^|\/)\./.test(revision)
