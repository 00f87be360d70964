/** The files of a model, wherever they are: in a folder, or in a repository from which they are fetched when they are asked for. */
export interface ModelFiles {
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
  /** Whether there is a file that `files` lacks: not all need be known before somebody looks. */
  find?(file: string): Promise<boolean>
  /** Ends what is under way. */
  end?(): void
}
