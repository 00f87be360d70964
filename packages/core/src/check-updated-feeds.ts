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
  if (updates === undefined) return
  const fail = (updated: number, problem: string, remedy: string): never => {
    throw new InvalidInputError({ what: `the feed '${inputs[updated]!.name}'`, problem: `is updated by the run, and ${problem}`, remedy })
  }
  const places = new Set(updates.values())
  const isUpdated = (index: number) => places.has(inputs[index]!.name)
  const sharing = new Map<unknown, number[]>() // those that may share memory: views of one buffer, or one tensor of a device
  for (const [index, feed] of feeds.entries()) {
    if (isUpdated(index) && !isHostTensor(feed) && !isHere(feed)) fail(index, 'lives on another device', 'feed what place() of this executable gives')
    const memory = isHostTensor(feed) ? feed.values.buffer : feed
    const others = sharing.get(memory)
    if (others === undefined) sharing.set(memory, [index])
    else {
      for (const other of others) {
        if (!(isUpdated(index) || isUpdated(other)) || !overlap(feed, feeds[other]!)) continue
        const [updated, also] = isUpdated(other) ? [other, index] : [index, other]
        fail(updated, `is fed as '${inputs[also]!.name}' too`, 'feed tensors with memory of their own')
      }
      others.push(index)
    }
  }
}

function overlap(one: Tensor, other: Tensor): boolean {
  if (!isHostTensor(one) || !isHostTensor(other)) return one === other
  const [a, b] = [one.values, other.values]
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
}
