import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidOptionError } from '@tenon/core'
import { readText } from '../read-text.js'

/** What options and environment say together. An option wins over a variable. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string
  /** The folder that holds `models--…`. */
  readonly cache: string
  readonly token: string | undefined
  readonly offline: boolean
  /** Whether snapshots may link to blobs. */
  readonly links: boolean
  /** Milliseconds until the server must begin to answer. */
  readonly answerTimeout: number
  /** Milliseconds that may pass without a byte. */
  readonly readTimeout: number
}

export interface HubChoices {
  readonly token?: string | false | undefined
  readonly cache?: string | URL | undefined
  readonly endpoint?: string | undefined
  readonly offline?: boolean | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Both timeouts of huggingface_hub: DEFAULT_ETAG_TIMEOUT and DEFAULT_DOWNLOAD_TIMEOUT. */
const DEFAULT_SECONDS = 10

/**
 * The settings of the Python library huggingface_hub, from the variables it reads (its constants.py).
 * @throws InvalidOptionError
 */
export async function hubSettings(choices: HubChoices, environment: Environment): Promise<HubSettings> {
  const variable = (...names: string[]) => names.map((name) => environment[name]?.trim()).find((value) => value !== undefined && value !== '')
  const isSet = (...names: string[]) => ['1', 'ON', 'YES', 'TRUE'].includes(variable(...names)?.toUpperCase() ?? '')
  const path = (value: string) => resolve(expand(value, environment))
  const seconds = (name: string) => {
    const value = Number(variable(name) ?? DEFAULT_SECONDS)
    return 1000 * (value > 0 && value < 2 ** 31 / 1000 ? value : DEFAULT_SECONDS)
  }

  const home = path(variable('HF_HOME') ?? join(variable('XDG_CACHE_HOME') ?? join('~', '.cache'), 'huggingface'))
  const implicitToken = async () => {
    if (isSet('HF_HUB_DISABLE_IMPLICIT_TOKEN')) return undefined
    return variable('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN') ?? (await readText(path(variable('HF_TOKEN_PATH') ?? join(home, 'token')), 65_536).catch(() => undefined))
  }
  return {
    endpoint: address(choices.endpoint, variable('HF_ENDPOINT')),
    cache: choices.cache === undefined ? path(variable('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub')) : chosenFolder(choices.cache, environment),
    token: choices.token === false ? undefined : clean(choices.token ?? (await implicitToken())),
    offline: choices.offline ?? isSet('HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'),
    links: !isSet('HF_HUB_DISABLE_SYMLINKS'),
    answerTimeout: seconds('HF_HUB_ETAG_TIMEOUT'),
    readTimeout: seconds('HF_HUB_DOWNLOAD_TIMEOUT'),
  }
}

function address(option: string | undefined, variable: string | undefined): string {
  const endpoint = (option ?? variable ?? 'https://huggingface.co').replace(/\/+$/, '')
  if (/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) return endpoint
  throw new InvalidOptionError({ where: 'hub', option: 'endpoint', problem: `is '${endpoint}'${option === undefined ? ', from HF_ENDPOINT' : ''}`, remedy: "Give an http or https address, such as 'https://huggingface.co'" })
}

const chosenFolder = (folder: string | URL, environment: Environment) =>
  folder instanceof URL || folder.startsWith('file:') ? fileURLToPath(folder) : resolve(expand(folder, environment))

/** A leading `~`, and `$NAME` or `${NAME}`, as Python's expanduser and expandvars replace them. */
const expand = (path: string, environment: Environment) =>
  path.replace(/^~(?=[\\/]|$)/, homedir()).replaceAll(/\$(?:(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => environment[plain ?? braced ?? ''] ?? whole)

/** A token, as people paste it and editors save it; a character that no header may hold would end up in an error message. */
function clean(token: string | undefined): string | undefined {
  const bare = token?.replaceAll(/[\r\n]/g, '').trim()
  if (bare === undefined || bare === '') return undefined
  if (/^[\x21-\x7e]+$/.test(bare)) return bare
  throw new InvalidOptionError({ where: 'hub', option: 'token', problem: 'holds characters that no token has', remedy: 'Copy it again from the settings of your account' })
}
