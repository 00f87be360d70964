import { html } from './html-reader.js'
import { json, jsonLines } from './json-reader.js'
import { markdown } from './markdown-reader.js'
import { plainText } from './plain-text-reader.js'
import type { Reader } from './reader.js'

/** The readers a knowledge base has when none are passed. Where two read one extension, the later is used. */
export const standardReaders: readonly Reader[] = [plainText, markdown, html, json, jsonLines]
