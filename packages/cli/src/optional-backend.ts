import { BackendUnavailableError, type Backend } from '@tenon/core'

/** An option that every backend with several devices has. */
export interface DeviceOption {
  readonly device?: string
}

const absences = new WeakSet<Backend<string, DeviceOption>>()

/** Whether it is one, and does not stand for one that is missing. */
export const isInstalled = (backend: Backend<string, DeviceOption>): boolean => !absences.has(backend)

/** A backend from a package that only those install who want it; where that is missing, one that says so when it is probed. */
export async function optionalBackend<Name extends string>(name: Name, from: string, load: () => Promise<Backend<Name, never>>): Promise<Backend<Name, DeviceOption>> {
  try {
    return (await load()) as Backend<Name, DeviceOption>
  } catch (error) {
    const absent = (error as Partial<NodeJS.ErrnoException>).code === 'ERR_MODULE_NOT_FOUND' && String(error).includes(from)
    const reason = absent ? `${from} is not installed` : `${from} cannot be loaded (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`
    const remedy = `Install it beside this command: npm install ${from}`
    const absence: Backend<Name, DeviceOption> = {
      kind: 'backend',
      version: 'v1',
      name,
      probe: async () => ({ available: false, reason: `${reason}: ${remedy[0]!.toLowerCase()}${remedy.slice(1)}` }),
      supports: () => false,
      compile: () => Promise.reject(new BackendUnavailableError({ backend: name, reason, remedy, cause: error })),
    }
    absences.add(absence)
    return absence
  }
}
