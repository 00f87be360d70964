import { openFolder } from '@tenon/checkpoint'
import { encoders } from '@tenon/models'
import { exportModel } from '@tenon/models/export'

const [folder, to, link] = process.argv.slice(2)
const checkpoint = await openFolder(folder)
try {
  const family = encoders().find(({ name }) => name === checkpoint.config.model_type)
  await exportModel({ checkpoint, graphs: await family.build(checkpoint, { head: 'base' }), to, head: 'base', link: link === 'link' })
} finally {
  await checkpoint[Symbol.asyncDispose]()
}
// Kilobytes, whatever the platform.
process.stdout.write(JSON.stringify({ peakKilobytes: process.resourceUsage().maxRSS }))
