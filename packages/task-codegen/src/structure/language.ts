/** The languages whose syntax is known. Others are completed by brackets, indentation and blank lines. */
export type CodeLanguage = 'javascript' | 'typescript' | 'tsx' | 'python' | 'java' | 'go' | 'rust' | 'c' | 'cpp'

const extensions: Readonly<Record<string, CodeLanguage>> = {
  js: 'javascript',
  mjs: 'javascript',
  cjs: 'javascript',
  jsx: 'javascript',
  ts: 'typescript',
  mts: 'typescript',
  cts: 'typescript',
  tsx: 'tsx',
  py: 'python',
  pyi: 'python',
  pyw: 'python',
  java: 'java',
  go: 'go',
  rs: 'rust',
  c: 'c',
  // A header may be either: the grammar of C++ reads nearly all of C.
  h: 'cpp',
  cc: 'cpp',
  cpp: 'cpp',
  cxx: 'cpp',
  'c++': 'cpp',
  hh: 'cpp',
  hpp: 'cpp',
  hxx: 'cpp',
  ipp: 'cpp',
  inl: 'cpp',
}

export const codeLanguages: readonly CodeLanguage[] = [...new Set(Object.values(extensions))]

/** The language of a file, told by its name's ending; undefined where it is none of those whose syntax is known. */
export function languageOf(path: string): CodeLanguage | undefined {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]
  return extension !== undefined && Object.hasOwn(extensions, extension.toLowerCase()) ? extensions[extension.toLowerCase()] : undefined
}
