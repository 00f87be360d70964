/** The name that stands for the quickest backend. */
export const AUTO = 'auto'
