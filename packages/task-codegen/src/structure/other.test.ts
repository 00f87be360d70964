import { testCases } from './test-support.js'

testCases(undefined, [
  ['a statement ends with its line', 'x = ‸\n', 'foo(1)\ny = 2\n', 'foo(1)'],
  ['a statement ends at its semicolon', '$x = ‸\n', 'foo(1);\n$y = 2;\n', 'foo(1);'],
  ['a block ends with the line that closes it', '‸', 'def add(a, b)\n  c = a + b\n\n  c\nend\n\nputs add(1, 2)\n', 'def add(a, b)\n  c = a + b\n\n  c\nend'],
  ['an empty body is written to its brace', 'fun add(a: Int, b: Int): Int {‸', '\n  val c = a + b\n  return c\n}\n\nfun main() {}\n', '\n  val c = a + b\n  return c\n}'],
  ['a brace that is there already is not written again', 'fun add(a: Int, b: Int): Int {\n  ‸\n}\n', 'return a + b\n}\n', 'return a + b'],
  ['strings hold brackets', 'puts ‸\n', '"a ) } #{b}"\nfoo\n', '"a ) } #{b}"'],
  ['comments hold anything', 'func f() {‸', '\n  // it\'s }\n  a()\n}\nb()\n', '\n  // it\'s }\n  a()\n}'],
  ['arguments end where the bracket behind the cursor closes them', 'print(‸)\n', '1, 2)\nfoo()\n', '1, 2'],
  ['brackets that were cut off are closed', 'x = ‸\n', 'foo([1, "a', 'foo([1, "a"])'],
  ['below a comment everything to the next blank line is written', '# reads\n‸', 'a = read\nputs a\n\nb = 1\n', 'a = read\nputs a'],
  ['a line is a line', 'x = ‸\n', 'foo(\n1)\n', 'foo()', { scope: 'line' }],
  ['what the next line says already is not repeated', '# reads\n‸\nputs total\n', 'total = 1\nputs total\n', 'total = 1'],
])
