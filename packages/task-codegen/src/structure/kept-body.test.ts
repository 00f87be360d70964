import { testCases, type Case } from './test-support.js'

const both: readonly Case[] = [
  ['a tag above its body is not closed again', 'const a = (\n  ‸\n    <p>b</p>\n  </div>\n)\n', '<div>', '<div>'],
  ['a tag above a body of text and tags is not closed again', "const a = (\n  ‸\n    <p>It's</p>\n    don't (\n    <br />\n  </div>\n)\n", '<div className="c">\n', '<div className="c">'],
  ['a tag above its body is not followed by that body', 'const a = (\n  ‸\n    <p>text</p>\n  </div>\n)\n', '<div>\n    <p>text</p>\n  </div>\n)\n', '<div>'],
  ['attributes of a tag whose body is behind the cursor end with it', 'const a = (\n  <div\n    ‸\n    <p>b</p>\n  </div>\n)\n', 'id={c({ d: 1', 'id={c({ d: 1})}'],
  ['a tag above what is not its body is closed', 'const a = (\n  <div>\n    ‸\n  </div>\n)\n', '<p>text', '<p>text</p>'],
  ['an arrow above its body is not closed again', 'list.map((a) ‸\n  return a\n})\n', '=> {', '=> {'],
  ['an arrow above its body is not followed by that body', 'list.map((a) ‸\n  return a\n})\n', '=> {\n  return a\n})\n', '=> {'],
  ['a head above its body is not followed by that body', '‸\n  return a\n}\n', 'function f() {\n  return a\n}\n', 'function f() {'],
  ['a block that is not the one behind the cursor is closed', 'function f() {\n  ‸\n  return a\n}\n', 'if (b) {\n    return c', 'if (b) {\n    return c\n  }'],
  ['a comment above its text is not closed again', "‸\n * Adds; doesn't ask.\n */\nfunction f() {}\n", '/**', '/**'],
  ['a comment above another comment is closed', '‸\nfunction f() {}\n\n/** Asks. */\nfunction g() {}\n', '/** Adds', '/** Adds */'],
  ['an element ends what was left open in it', 'const a = <b>{c‸</b>\n', '}</b>\nfoo()\n', '}'],
  ['a tag that closes the element around is not written', 'const a = (\n  <div>\n    ‸\n  </div>\n)\n', '<p>text\n  </div>\n', '<p>text</p>'],
]

const short: readonly Case[] = [
  ['a head above a body of few letters is not followed by that body', '‸\n  x = 1\n  y()\n}\n', 'function f() {\n  x = 1\n  y()\n}\n', 'function f() {'],
  ['a loop above a body of few letters is not followed by that body', 'let a = 0\n‸\n  a++\n}\nb()\n', 'for (const c of d) {\n  a++\n}\nb()\n', 'for (const c of d) {'],
  ['a call above arguments of few letters is not followed by them', '‸\n  a,\n  b,\n)\n', 'print(\n  a,\n  b,\n)\n', 'print('],
  ['a body of few letters that is closed behind no cursor is written', 'function f() {\n  ‸\n  x = 1\n}\n', 'if (a) {\n    x = 1\n  }\n', 'if (a) {\n    x = 1\n  }', { scope: 'statement' }],
  ['a line of few letters elsewhere than below a head is no body', 'function f() {\n  ‸\n  i++\n}\n', 'g(\n    1)\n  i++\n  h()\n}\n', 'g(\n    1)\n  i++\n  h()', { scope: 'block' }],
]
testCases('typescript', short)
testCases('javascript', short)
testCases('python', [
  ['a head above a body of few letters is not followed by that body', '‸\n    x = 1\n    y()\n', 'def f(a):\n    x = 1\n    y()\n', 'def f(a):'],
  ['a loop above a body of few letters is not followed by that body', 'def f(a):\n    ‸\n        i += 1\n    return i\n', 'for b in a:\n        i += 1\n    return i\n', 'for b in a:', { scope: 'function' }],
])

testCases('tsx', both)
testCases('javascript', both)
testCases('tsx', [
  ['tabs are kept between tags', 'const a = (\n\t<div>\n\t\t‸\n\t</div>\n)\n', '<p>\n      text {b}\n    </p>\n', '<p>\n\t\t\ttext {b}\n\t\t</p>'],
  ['line ends are kept between tags', 'const a = (\r\n  <div>\r\n    ‸\r\n  </div>\r\n)\r\n', '<p\n      id="b"\n    >\n      text\n    </p>\n', '<p\r\n      id="b"\r\n    >\r\n      text\r\n    </p>'],
])
testCases('typescript', [
  ['lines of a string that stand behind the cursor are not written again', 'const a = `\n  <ul>\n    ‸\n  </ul>\n`\nb()\n', '<li>${c}</li>\n  </ul>\n`\nb()\n', '<li>${c}</li>'],
  ['brackets of a string that stand behind the cursor are not written again', 'const a = `<p>{{ ‸ }}</p>`\n', 'b }}</p>`\n', 'b'],
])
testCases('java', [['lines of a text block are not written again, whatever the line ends', 'class A {\r\n  String s = """\r\n      {\r\n        "a": ‸\r\n      }\r\n      """;\r\n}\r\n', '{"b": 1}\n      }\n      """;\n}\n', '{"b": 1}']])
testCases('python', [['a docstring above its text is not closed again', 'def f():\n    ‸\n    It adds (.\n    """\n    return 1\n', '"""Adds', '"""Adds']])
testCases('c', [['a comment above its text is not closed again', "‸\n * Adds; doesn't ask.\n */\nint f(void);\n", '/*', '/*']])
