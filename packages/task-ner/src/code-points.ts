/** The characters of a text as the reference counts them: a pair of surrogates is one. */
export const codePoints = (text: string): number => [...text].length
