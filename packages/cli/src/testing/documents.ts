import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder of files, deleted when it is disposed of. */
export async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-cli-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

export const workshop = {
  'joints.md': '# Joints\r\n\r\n## Tenon\r\n\r\nA tenon fits a mortise. It should be **one third** as thick as the rail.\r\n',
  'drying.txt': 'Pine dries quickly.\n😀 Oak should dry for one year before use. Keep it out of the rain.\n',
  '榫卯.md': '# 榫卯\n\n应县木塔建于1056年，高67米。榫头插入卯眼，不用铁钉。\n',
  'woods.json': '{\n  "woods": [{ "name": "White oak", "hardness": 1360 }]\n}\n',
} as const
