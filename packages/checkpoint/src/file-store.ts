/** Where the files of a checkpoint are: a folder, or a repository whose files are fetched when they are asked for. */
export interface FileStore {
  /** The folder that holds the files, or will once they are fetched. */
  readonly place: string
  /** Names of the files, relative to the place, with forward slashes. */
  readonly files: ReadonlySet<string>
  /**
   * Absolute path of a file that is there from now on. `file` is contained and normalised.
   * @throws MissingFileError
   */
  path(file: string): Promise<string>
  /** Makes several of `files` ready at once, so that `path` answers immediately. */
  ready?(files: readonly string[]): Promise<void>
  /** Whether there is a file that `files` lacks: a store may know only some before it looks. */
  find?(file: string): Promise<boolean>
  /** Ends what is under way. */
  end?(): void
}
