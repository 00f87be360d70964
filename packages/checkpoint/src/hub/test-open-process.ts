import { hub } from './hub.js'

// What another process runs: opens MODEL with the environment's settings, and prints what it found and downloaded.
let downloaded = 0
const opened = await hub().open(process.env['MODEL'] ?? '', { emit: (event) => event.type === 'progress' && (downloaded = Math.max(downloaded, event.done)) })
if ('notFound' in opened) throw new Error(opened.notFound)
const tensor = await opened.constants.get('weight')?.bytes()
console.log(JSON.stringify({ config: opened.config, tensor: tensor?.byteLength, downloaded }))
await opened[Symbol.asyncDispose]()
