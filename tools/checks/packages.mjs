// Checks every public package as it would be published: that its package.json says what it holds
// (publint) and that TypeScript finds the right types for ESM and CJS (are the types wrong).
import { readFileSync } from 'node:fs'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { pack } from '../pack.mjs'

async function problemsOf(tarball) {
  const data = readFileSync(tarball)
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, level: 'warning' })
  // A template's package.json stands in the root of what is made from it.
  const own = messages.filter(({ args }) => !args?.filePath?.startsWith('./templates/'))
  const problems = own.map((message) => formatMessage(message, pkg))
  // Only "./package.json": a package of commands, which has no types to get wrong.
  if (Object.keys(pkg.exports).length > 1) {
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(bytes)))
    // node10 is the resolution of Node before `exports`, which none of our Node versions uses.
    for (const problem of analysis.types ? analysis.problems : [{ kind: 'NoTypes' }]) {
      if (problem.resolutionKind !== 'node10') problems.push(`types: ${JSON.stringify(problem)}`)
    }
  }
  return problems
}

let broken = 0
for (const { name, tarball } of (await pack()).values()) {
  const problems = await problemsOf(tarball)
  const size = `${(readFileSync(tarball).length / 1024).toFixed(0)} KiB`
  console.log(`${name.padEnd(32)} ${size.padStart(10)}  ${problems.length > 0 ? 'PROBLEMS' : 'ok'}`)
  for (const problem of problems) console.log(`  ${problem}`)
  broken += problems.length > 0 ? 1 : 0
}
process.exitCode = broken > 0 ? 1 : 0
