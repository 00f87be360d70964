import { byteLength, isHostTensor, tensor, type HostTensor, type Tensor } from '@tenon/core'

/** The feeds' elements in JavaScript memory; waits only for tensors that live elsewhere. */
export function hostFeeds(feeds: readonly Tensor[]): readonly HostTensor[] | Promise<readonly HostTensor[]> {
  return feeds.every(isHostTensor) ? feeds.map(checkLength) : Promise.all(feeds.map(async (feed) => tensor(feed.dtype, feed.shape, isHostTensor(feed) ? feed.values : await feed.data())))
}

/** A host tensor need not come from `tensor()`, and native code must not read past its array. */
function checkLength(feed: HostTensor): HostTensor {
  return feed.values.byteLength === byteLength(feed.dtype, feed.shape) ? feed : tensor(feed.dtype, feed.shape, feed.values)
}
