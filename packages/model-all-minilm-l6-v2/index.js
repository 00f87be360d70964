import { fileURLToPath } from 'node:url'

export const directory = fileURLToPath(new URL('./model', import.meta.url))
