import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Bundles a TypeScript file, so that another process can run it, and returns the bundle's path. `tokenizers` stays outside, in node_modules. */
export async function bundled(entry: URL, folder: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['tenon-source'] },
    ssr: { noExternal: [/^@tenon\//], external: ['tokenizers'], resolve: { conditions: ['tenon-source', 'node', 'import'] } },
    build: { ssr: fileURLToPath(entry), outDir: folder, target: 'node20', minify: false, emptyOutDir: false, rollupOptions: { output: { entryFileNames: 'bundle.mjs' } } },
  })
  return join(folder, 'bundle.mjs')
}

export interface Child {
  readonly process: ChildProcess
  /** Its output, once it has ended well. */
  readonly output: Promise<string>
}

/** Starts Node on a script. */
export function startNode(options: readonly string[], script: string, environment: Readonly<Record<string, string>>): Child {
  const child = spawn(process.execPath, [...options, script], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ...environment } })
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(([out, errors, [code, signal]]) => {
    if (code !== 0) throw new Error(`ended with ${String(code ?? signal)}: ${errors}`)
    return out
  })
  output.catch(() => undefined) // who kills it does not wait for it
  return { process: child, output }
}
