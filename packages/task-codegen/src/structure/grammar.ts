import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { MissingFileError } from '@tenon/core'
import type * as treeSitter from 'web-tree-sitter'
import type { CodeLanguage } from './language.js'

export interface Grammar {
  readonly module: typeof treeSitter
  /** One for all who use the language: parsing is synchronous. */
  readonly parser: treeSitter.Parser
  /** What was parsed last from its beginning: the next text is likely the same but for what was typed since. */
  recent?: { readonly text: string; readonly tree: treeSitter.Tree }
}

const parserPackage = 'web-tree-sitter'
const grammarsPackage = '@repomix/tree-sitter-wasms'

const missing = (name: string, language: CodeLanguage, cause: unknown) =>
  new MissingFileError({
    path: `The package ${name}, which reads ${language},`,
    purpose: 'without it completions cannot follow the syntax',
    remedy: `Run npm install ${name}; without a path and a language, completions go by brackets and indentation alone`,
    cause,
  })

async function load(language: CodeLanguage): Promise<Grammar> {
  // By name, at run time: both packages are WebAssembly that no bundle can hold. A bundle in CommonJS has no import.meta.url: they are then looked for from the program that was started.
  const require = createRequire(import.meta.url ?? process.argv[1] ?? join(process.cwd(), 'here'))
  let module: typeof treeSitter
  try {
    module = require(parserPackage) as typeof treeSitter
  } catch (cause) {
    throw missing(parserPackage, language, cause)
  }
  let bytes: Uint8Array
  try {
    bytes = await readFile(require.resolve(`${grammarsPackage}/out/tree-sitter-${language}.wasm`))
  } catch (cause) {
    throw missing(grammarsPackage, language, cause)
  }
  await module.Parser.init()
  const grammar = await module.Language.load(bytes)
  return { module, parser: new module.Parser().setLanguage(grammar) }
}

const loaded = new Map<CodeLanguage, Promise<Grammar>>()

/**
 * The tree-sitter grammar of a language, loaded once, when it is first asked for.
 * @throws MissingFileError where a package is not installed.
 */
export function grammarOf(language: CodeLanguage): Promise<Grammar> {
  let grammar = loaded.get(language)
  if (grammar === undefined) {
    grammar = load(language)
    loaded.set(language, grammar)
    // Whoever installs it need not start anew.
    grammar.catch(() => loaded.delete(language))
  }
  return grammar
}
