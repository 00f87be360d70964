export interface ThreadSettings {
  /** How many compute at a time, over all sessions. */
  readonly threads: number
  /** Whether they watch for work for a moment before they sleep. */
  readonly spinning: boolean
}
