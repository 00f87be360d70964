import { endOfString } from './json-text.js'

const quote = 0x22

/**
 * The first key that an object of this JSON text holds twice. `JSON.parse` keeps the last and says nothing, so two
 * readers can see two different files. The text must have passed `JSON.parse`.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [] // the keys of each open object; undefined for an array
  let literal = '""'
  let index = 0
  while (index < json.length) {
    if (json.charCodeAt(index) === quote) {
      const end = endOfString(json, index)
      literal = json.slice(index, end)
      index = end
      continue
    }
    const character = json[index++]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(undefined)
    else if (character === '}' || character === ']') open.pop()
    else if (character === ':') {
      const key = JSON.parse(literal) as string // unescaped: "a" and "\u0061" are one key
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}
