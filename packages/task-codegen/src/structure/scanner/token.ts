/** Something open: a bracket, a string, a comment, a JSX tag or element. A linked list, so that a state is kept by keeping its top. */
export interface Frame {
  readonly kind: '(' | '[' | '{' | '${' | 'string' | 'comment' | 'line' | 'tag' | 'element'
  /** What closes it. */
  readonly closer: string
  /** Where it opened; places in the completion count from 0, those before the cursor are negative. */
  readonly at: number
  readonly parent: Frame | undefined
  /** 1 for the outermost. */
  readonly depth: number
  /** A brace that holds statements, as far as the words before it tell. */
  readonly block: boolean
  /** A brace that seems to be the body of a function. */
  readonly body: boolean
  /** Strings: a backslash escapes, lines may break, what opens an expression in them. */
  readonly escapes: boolean
  readonly multiline: boolean
  readonly interpolates: '${' | '{' | undefined
  /** Of tags their name, of brackets the word before them. */
  readonly name: string
  /** The column it opened in, where nothing but white space precedes it on its line. */
  readonly column: number | undefined
}

export interface Token {
  /** `text`: what stands between JSX tags, and a tag's attributes by name. */
  readonly type: 'word' | 'number' | 'string' | 'text' | 'comment' | 'directive' | 'open' | 'close' | 'punctuation' | 'newline'
  readonly text: string
  readonly start: number
  readonly end: number
  /** `close`: what it closed, if anything was open that it can close. */
  readonly frame?: Frame | undefined
  /** `close`: it does not close what was opened last. */
  readonly mismatched?: boolean
  /** Nothing but white space precedes it on its line, in this column. */
  readonly first?: boolean
  readonly column?: number
}
