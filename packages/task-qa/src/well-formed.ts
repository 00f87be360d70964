/** Half of a surrogate pair stands for nothing, and tokenizers refuse it. */
export const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '\uFFFD')
