import { InvalidInputError } from './errors/invalid-input-error.js'
import type { Graph } from './graph.js'
import { isHostTensor, type Tensor } from './tensor.js'

/**
 * For backends: of the feeds that a run writes to (`graph.updates`), that each is a host tensor or lives where the executable
 * can write to it, and that its memory is fed once.
 * @param feeds In the order of the inputs, as `checkFeeds` gives them.
 * @param isHere Whether a tensor that is no host tensor lives where this executable can write to it. Default: none does.
 * @throws InvalidInputError
 */
export function checkUpdatedFeeds({ inputs, updates }: Pick<Graph, 'inputs' | 'updates'>, feeds: readonly Tensor[], isHere: (feed: Tensor) => boolean = () => false): void {
  for (const name of updates?.values() ?? []) {
    const updated = inputs.findIndex((input) => input.name === name)
    const feed = feeds[updated]!
    const fail = (problem: string, remedy: string): never => {
      throw new InvalidInputError({ what: `the feed '${name}'`, problem: `is updated by the run, and ${problem}`, remedy })
    }
    if (!isHostTensor(feed) && !isHere(feed)) fail('lives on another device', 'feed what place() of this executable gives')
    const other = feeds.findIndex((each, index) => index !== updated && shareMemory(each, feed))
    if (other >= 0) fail(`is fed as '${inputs[other]!.name}' too`, 'feed tensors with memory of their own')
  }
}

function shareMemory(one: Tensor, other: Tensor): boolean {
  if (one === other) return true
  if (!isHostTensor(one) || !isHostTensor(other)) return false
  const [a, b] = [one.values, other.values]
  return a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
}
