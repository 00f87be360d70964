/** What the process says when it ends. Scripts rely on these: they never change their meaning. */
export const exitCodes = {
  done: 0,
  /** Something failed; stderr says what. */
  failed: 1,
  /** The command was called wrongly. */
  usage: 2,
  /** `ask`: a question has no answer in the documents. */
  nothingFound: 3,
  /** `chat --schema`: the answer was cut before it fulfilled the schema. */
  unfinished: 4,
  /** Ctrl-C: 128 + SIGINT, as shells count. */
  interrupted: 130,
} as const
