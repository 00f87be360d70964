/** Words of most languages, which tell nothing about what a file is for. */
const common = new Set(
  'and any as assert async await bool boolean break byte case catch char class const continue def default defer do double elif else end enum except export extends false final finally float fn for from func function go if impl implements import in include instanceof int interface is it lambda len let long match mod mut namespace new nil none not null number of or out override package pass private protected pub public raise ref return self short signed sizeof static string struct super switch template this throw throws to true try type typedef typeof undefined union unsigned use using val var virtual void volatile while with yield'.split(' '),
)

/** Longest name that is looked at: longer ones are data. */
const LONGEST = 64

/** The names in a text and the words they are put together from, in lower case, with how often each is there. */
export function identifiers(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const add = (word: string) => {
    if (word.length > 1 && !common.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  for (const [name] of text.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)) {
    if (name.length > LONGEST) continue
    const whole = name.toLowerCase()
    add(whole)
    const words = name.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lo}]+|\p{N}+/gu) ?? []
    if (words.length > 1) for (const word of words) add(word.toLowerCase())
  }
  return counts
}
