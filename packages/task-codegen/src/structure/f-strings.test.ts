import { testCases } from './test-support.js'

testCases('python', [
  ['what the braces of a string hold is closed with it', 'a = ‸\n', 'f"{a[0]:>3} {b(c', 'f"{a[0]:>3} {b(c)}"'],
  ['braces that are doubled hold nothing', 'a = ‸\n', 'f"{{b {{c', 'f"{{b {{c"'],
  ['a quote ends the string, though its brace is open', 'print(f"{‸")\nb()\n', 'a.name!r} of b")\nb()\n', 'a.name!r} of b'],
  ['within brackets a quote is another string\'s', 'print(f"a {‸")\nb()\n', 'c["d"]} e")\nb()\n', 'c["d"]} e'],
  ['a bracket within braces is closed before what follows', 'print(f"{a[‸")\nb()\n', '"c"]}")\nb()\n', '"c"]}'],
  ['a number sign within braces begins no comment', 'a = ‸\n', 'f"{b:#x}" + c(d)\ne()\n', 'f"{b:#x}" + c(d)'],
  ['a string of one line ends with it, though its brace is open', 'a = f"{b\nc = ‸\n', 'd(e)\nf()\n', 'd(e)'],
  ['a string of many lines holds expressions of many', 'a = ‸\n', 'f"""\n  {b(\n    "c",\n  )}\n"""\nd()\n', 'f"""\n  {b(\n    "c",\n  )}\n"""'],
  ['dictionaries in braces have their own', 'a = ‸\n', 'f\'{ {"b": 1}["b"]:>{width}}\' % c\nd()\n', 'f\'{ {"b": 1}["b"]:>{width}}\' % c'],
  ['other strings hold braces', 'a = ‸\n', 'rb"{b" + "{c"\nd()\n', 'rb"{b" + "{c"'],
])
