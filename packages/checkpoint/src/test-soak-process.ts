import { setTimeout } from 'node:timers/promises'
import { openFolder } from './folder.js'

// What another process runs, with --expose-gc: opens and closes FOLDER so many ROUNDS, and prints the memory that it holds
// at ten times between, in bytes.

const rounds = Number(process.env['ROUNDS'])
const memory: number[] = []
for (let round = 0; round < rounds; round++) {
  {
    await using checkpoint = await openFolder(process.env['FOLDER']!)
    const tokenizer = await checkpoint.tokenizer()
    await tokenizer.encodeBatch(['The joint needs neither nails nor glue.', 'Old houses and temples stand on joints.'])
    for (const constant of checkpoint.constants.values()) await constant.bytes()
  }
  if ((round + 1) % Math.ceil(rounds / 10) !== 0) continue
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc!()
    await setTimeout(10) // for what is freed after a collection
  }
  memory.push(process.memoryUsage().rss)
}
console.log(JSON.stringify(memory))
