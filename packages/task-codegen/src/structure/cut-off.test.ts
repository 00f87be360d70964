import { expect, it } from 'vitest'
import { createStructure } from './structure.js'
import { testCases } from './test-support.js'

testCases('typescript', [
  ['a function that was cut off is closed', 'function f(a: A) {\n  ‸', 'const b = a\n  return g(b', 'const b = a\n  return g(b)\n}', { scope: 'function' }],
  ['a body that was cut off is closed', 'function f(a: A) {‸', '\n  const b = a\n  return g(b', '\n  const b = a\n  return g(b)\n}'],
  ['a block is closed, and what is around it is not', 'class A {\n  f() {\n    if (a) {\n      ‸', 'b()\n      c(', 'b()\n      c()\n    }', { scope: 'block' }],
  ['a function is closed, and what is open in it', 'class A {\n  f() {\n    if (a) {\n      ‸', 'b()\n      c(', 'b()\n      c()\n    }\n  }', { scope: 'function' }],
  ['what is closed behind the cursor is not closed again', 'class A {\n  f() {\n    if (a) {\n      ‸\n  }\n}\n', 'b()\n      c(', 'b()\n      c()\n    }', { scope: 'function' }],
  ['a call around a body is closed with it', 'list.forEach((x) => {\n  ‸\n', 'print(x', 'print(x)\n})'],
  ['a body on one line is closed there', 'if (a) { ‸\n', 'b(', 'b() }', { scope: 'block' }],
  ['a body that the next line is in is left open', 'function f() {\n  ‸\n  return total\n', 'let total = g(', 'let total = g()', { scope: 'function' }],
  ['a body is left open where something in it is closed behind the cursor', 'function f() {\n  g(‸)\n', 'a, [b', 'a, [b]', { scope: 'function' }],
  ['the closing brace has the indentation and the line end of the file', 'class A {\r\n\tf() {\r\n\t\t‸', 'a()\n\t\tb(', 'a()\r\n\t\tb()\r\n\t}', { scope: 'function' }],
  ['a body ends at its brace, though a bracket before it was forgotten', 'function f(a) {‸', '\n  return Math.abs(g[a + 1;\n}\n\nf()\n', '\n  return Math.abs(g[a + 1]);\n}'],
  ['a statement ends at its semicolon, though a bracket before it was forgotten', 'function f(a) {\n  ‸\n}\n', 'g(a;\n  h()\n  return a\n}\n', 'g(a);', { scope: 'statement' }],
])
testCases('typescript', [
  ['what closes a bracket stands below a comment, not in it', 'function f() {\n  ‸\n}\n', 'g(a, // the first\n', 'g(a, // the first\n  )', { scope: 'statement' }],
  ['what closes a call and a body stands below a comment', 'function f() {\n  ‸', 'g(a, // the first', 'g(a, // the first\n  )\n}', { scope: 'function' }],
  ['a comment is not closed twice that was cut off in its end', 'f()\n‸', '/* It adds *', '/* It adds */'],
  ['half an escape does not take the quote', "a = ‸\n", "'b\\", "'b'"],
  ['an escape that is whole stays', "a = ‸\n", "'b\\\\", "'b\\\\'"],
  ['what its closing makes the same as the line behind the cursor is not written', 'const a = ‸b.split(".")\n', 'b.split(".', ''],
  ['what stands behind the cursor is not written before white space either', 'if (a ‸== 0) return\n', 'in b ==\n', 'in b '],
])
testCases('tsx', [
  ['a tag that closes an element is written to its end', 'const a = (\n  ‸\n)\n', '<p>text</p', '<p>text</p>'],
  ['a tag that closes an element of several lines is written to its end', 'const a = (\n  ‸\n)\n', '<p>\n    text\n  </p', '<p>\n    text\n  </p>'],
  ['a tag without children is written to its end', 'const a = (\n  <div>\n    ‸\n  </div>\n)\n', '<br /', '<br />'],
])
testCases('python', [
  ['what closes a bracket stands below a comment, not in it', 'def f(a):\n    ‸', 'g(a,  # the first', 'g(a,  # the first\n    )', { scope: 'statement' }],
  ['a docstring that was cut off in its quotes has three', 'def f(a):\n    ‸', '"""Says "a"."', '"""Says "a"."""'],
  ['a docstring that was cut off at its beginning is closed', 'def f(a):\n    ‸', '"""', '""""""'],
  ['half an escape does not take the quotes of a docstring', 'def f(a):\n    ‸', "'''a \\\n   ", "'''a '''"],
])
testCases('java', [
  ['a body ends at its brace, though a bracket before it was forgotten', 'class A {\n  int f(int a) {‸', '\n    return Math.abs(a + 1;\n  }\n\n  int b;\n', '\n    return Math.abs(a + 1);\n  }'],
  ['a lambda that was cut off is closed, with its call and its semicolon', 'class A {\n  void f() {\n    run(() -> {‸\n  }\n}\n', '\n      a();\n      b(', '\n      a();\n      b()\n    });'],
])
testCases('c', [
  ['a body ends at its brace, though a bracket before it was forgotten', 'int f(int a) {‸', '\n  return g(a + 1;\n}\n\nint b;\n', '\n  return g(a + 1);\n}'],
  ['a struct that was cut off has its semicolon', 'struct point {‸', '\n  int x;\n  int y;', '\n  int x;\n  int y;\n};'],
])
testCases('rust', [['a match that was cut off is closed', 'fn f(a: u8) -> u8 {\n    match a {‸\n}\n', '\n        0 => 1,\n        1 => g(', '\n        0 => 1,\n        1 => g()\n    }']])
testCases('go', [['a body that was cut off is closed', 'package a\n\nfunc f() {\n\tfor i := range b {\n\t\t‸', 'g(i)\n\t\th(', 'g(i)\n\t\th()\n\t}\n}', { scope: 'function' }]])
testCases(undefined, [['a body that was cut off is closed', 'fun add(a: Int, b: Int): Int {‸', '\n  val c = a + b\n  return g(', '\n  val c = a + b\n  return g()\n}']])
testCases('python', [['a body has no brace', 'def f(a):\n    ‸', 'return g(a', 'return g(a)', { scope: 'function' }]])

it('leaves the body open that more may come of, and opens nothing where nothing was written', async () => {
  using structure = await createStructure({ prefix: 'function f() {\n  ', language: 'javascript', scope: 'function' })
  expect(structure.finish('a(', true)).toBe('a()')
  expect(structure.finish('')).toBe('')
})

it('ends a statement as soon as its line does, where no macro may take the semicolon', async () => {
  const end = async (language: 'java' | 'c') => {
    using structure = await createStructure({ prefix: '', language, scope: 'statement' })
    return structure.until('g(a[b;\n  h(c')
  }
  expect([await end('java'), await end('c')]).toEqual([6, undefined])
  using structure = await createStructure({ prefix: 'void f(void) {\n  ', suffix: '\n}\n', language: 'c', scope: 'block' })
  expect(structure.finish('ODD(int b;\n    int c;)\n  g();\n')).toBe('ODD(int b;\n    int c;)\n  g();')
})

it('writes no semicolon within a body that is closed behind the cursor', async () => {
  using structure = await createStructure({ prefix: 'public class A<K, V> {\n    private final Map<K, ', suffix: '\n\n    public V get(K key) {\n        return b.get(key);\n    }\n}\n', language: 'java', scope: 'block' })
  expect(structure.finish('V> b;\n\n    public void add(K key')).toBe('V> b;\n\n    public void add(K key)')
})
