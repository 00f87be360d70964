/** In the order of transformers' `clean_up_tokenization`. */
const tidied: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

/** Takes the spaces away that splitting into words put before English punctuation, as configs ask for with `clean_up_tokenization_spaces`. */
export const cleanUpSpaces = (text: string): string => tidied.reduce((tidy, [apart, together]) => tidy.replaceAll(apart, together), text)
