import { TenonError } from '@tenon/core'

/** Something stands where the plugin is to be written. */
export class FolderInUseError extends TenonError {
  constructor({ folder, problem }: { folder: string; problem: string }) {
    super({ code: 'TENON_FOLDER_IN_USE', message: `${folder} ${problem}`, remedy: 'Choose another name, or move away what is there' })
  }
}
