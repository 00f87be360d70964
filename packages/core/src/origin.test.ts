import { expect, it } from 'vitest'
import { combinedOrigin } from './origin.js'

it('what several constants make is known by all of theirs, in order, and of each file once', () => {
  const [one, other] = [{ how: 'one', files: ['/a', '/b'] }, { how: 'other', files: ['/b', '/c'] }]
  expect(combinedOrigin('rows of', [one, other])).toEqual({ how: 'rows of (one), (other)', files: ['/a', '/b', '/c'] })
  expect(combinedOrigin('rows of', [other, one])).toEqual({ how: 'rows of (other), (one)', files: ['/b', '/c', '/a'] })
  expect(combinedOrigin('rows of', [one, undefined])).toBeUndefined()
})
