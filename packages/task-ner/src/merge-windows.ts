import { codePoints } from './code-points.js'
import type { ClassifiedToken, EntityGroup } from './contracts.js'

/** The tokens of a text from its windows; one that several hold counts where it is surest. */
export function mergeTokens(windows: readonly (readonly ClassifiedToken[])[]): ClassifiedToken[] {
  const best = new Map<number, ClassifiedToken>()
  for (const token of windows.flat()) {
    const other = best.get(token.index)
    if (other === undefined || token.score > other.score) best.set(token.index, token)
  }
  return [...best.values()].toSorted((a, b) => a.index - b.index)
}

/** The entities of a text from its windows, as the reference merges them: of those that overlap the longest, and of those as long the surest. */
export function mergeGroups(text: string, windows: readonly (readonly EntityGroup[])[]): EntityGroup[] {
  if (windows.length === 1) return [...windows[0]!]
  const [first, ...others] = windows.flat().toSorted((a, b) => a.start - b.start)
  if (first === undefined) return []
  const length = ({ start, end }: EntityGroup) => codePoints(text.slice(start, end))
  const merged: EntityGroup[] = []
  let last = first
  for (const group of others) {
    if (group.start < last.end) {
      const longer = length(group) - length(last)
      if (longer > 0 || (longer === 0 && group.score > last.score)) last = group
    } else {
      merged.push(last)
      last = group
    }
  }
  return [...merged, last]
}
