import { isHostTensor, tensor, type HostTensor, type Tensor } from '@tenon/core'

/** The feeds' elements in JavaScript memory; waits only for tensors that live elsewhere. */
export function hostFeeds(feeds: readonly Tensor[]): readonly HostTensor[] | Promise<readonly HostTensor[]> {
  return feeds.every(isHostTensor) ? feeds : Promise.all(feeds.map(async (feed) => (isHostTensor(feed) ? feed : tensor(feed.dtype, feed.shape, await feed.data()))))
}
