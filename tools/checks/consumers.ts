import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The repository's, with a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

const strict: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
}

/** The libraries of TypeScript and Node are the same for every project: they are read once. */
const kept = new Map<string, ts.SourceFile | undefined>()

/** A program that imports all of these as an ES module, as CommonJS, and as what a bundler reads. */
export function consumers(folder: string, specifiers: readonly string[]): ts.Program[] {
  const modules = specifiers.map((specifier, index) => `import * as m${index} from '${specifier}'\nexport { m${index} }\n`).join('')
  const commonJs = specifiers.map((specifier, index) => `import m${index} = require('${specifier}')\nexport { m${index} }\n`).join('')
  const write = (name: string, text: string) => (writeFileSync(join(folder, name), text), join(folder, name))
  const node16 = { ...strict, module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 }
  const bundler = { ...strict, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }
  return [
    program([write('consumer.mts', modules)], node16),
    program([write('consumer.cts', commonJs)], node16),
    program([write('consumer.ts', modules)], bundler),
  ]
}

function program(files: string[], options: ts.CompilerOptions): ts.Program {
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  host.getSourceFile = (file, how, ...rest) => {
    if (!isShared(file)) return read(file, how, ...rest)
    const key = `${file} ${typeof how === 'object' ? how.impliedNodeFormat : ''}`
    if (!kept.has(key)) kept.set(key, read(file, how, ...rest))
    return kept.get(key)
  }
  return ts.createProgram(files, options, host)
}

const isShared = (file: string) => /\/typescript\/lib\/lib\.|\/@types\/node\/|\/undici-types\//.test(file)

/** What a strict compiler says of the program and of every declaration that it reads from the project. */
export function diagnosticsIn(program: ts.Program): string[] {
  const found = program.getSourceFiles().filter((file) => !isShared(file.fileName)).flatMap((file) => ts.getPreEmitDiagnostics(program, file))
  return [...program.getOptionsDiagnostics(), ...found].map((one) => `${one.file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`)
}

/** The names of each module that are more than types, as the program sees them. */
export function valueNames(program: ts.Program, specifiers: readonly string[]): Record<string, string[]> {
  const checker = program.getTypeChecker()
  const consumer = program.getSourceFile(program.getRootFileNames()[0]!)!
  const names: Record<string, string[]> = {}
  const literals: ts.StringLiteral[] = []
  const visit = (node: ts.Node): void => (ts.isStringLiteral(node) ? void literals.push(node) : ts.forEachChild(node, visit))
  visit(consumer)
  for (const literal of literals) {
    const module = checker.getSymbolAtLocation(literal)
    const exported = module === undefined ? [] : checker.getExportsOfModule(module)
    const isValue = (symbol: ts.Symbol) => ((symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol).flags & ts.SymbolFlags.Value) !== 0
    if (specifiers.includes(literal.text)) names[literal.text] = exported.filter(isValue).map(({ name }) => name).filter((name) => name !== 'default').toSorted()
  }
  return names
}
