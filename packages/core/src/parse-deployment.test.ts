import { describe, expect, it } from 'vitest'
import { InvalidDeploymentError, parseDeployment } from './index.js'

describe('a deployment in JSON', () => {
  it('is read as it stands there, with or without a byte order mark', () => {
    const text = '{ "roles": { "embedding": { "backend": ["a", { "name": "b", "device": "x\\"}:," }] } }, "default": { "backend": "auto" } }'
    expect(parseDeployment(text)).toEqual(JSON.parse(text))
    expect(parseDeployment(`\uFEFF${text}`)).toEqual(JSON.parse(text))
  })

  it.each([
    ['two backends for a role', '{ "roles": { "embedding": { "backend": "onnx", "backend": "tfjs" } } }', 'roles.embedding.backend'],
    ['one role twice', '{ "roles": { "embedding": { "backend": "onnx" }, "other": {}, "embedding": { "backend": "tfjs" } } }', 'roles.embedding'],
    ['a key that is spelt in two ways', '{ "roles": {}, "\\u0072oles": {} }', 'roles'],
    ['a device twice, in a list', '{ "default": { "backend": [{ "name": "a" }, { "name": "b", "device": "x", "device": "y" }] } }', 'default.backend[1].device'],
    ['a key that looks like the inside of another', '{ "a\\":{\\"b": 1, "c": { "a\\":{\\"b": 2, "d": 0, "d": 1 } }', 'c.d'],
  ])('is refused where it holds %s', (_, text, path) => {
    expect(() => parseDeployment(text)).toThrow(InvalidDeploymentError)
    expect(() => parseDeployment(text)).toThrow(expect.objectContaining({ path, message: expect.stringContaining(`'${path}' stands there twice`) }))
  })

  it('may have one key in several objects, and one text in several values', () => {
    expect(() => parseDeployment('{ "a": { "x": "x" }, "b": { "x": "x" }, "c": [{ "x": 1 }, { "x": 2 }], "x": ["x", "x", {}, []] }')).not.toThrow()
  })

  it.each([['{'], ['nothing'], [''], ['{ "roles": {}, }']])('is refused where it is no JSON: %s', (text) => {
    expect(() => parseDeployment(text)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_DEPLOYMENT', path: '', message: expect.stringContaining('is no JSON') }))
  })

  it('is refused where it is no text at all', () => {
    for (const value of [undefined, null, { roles: {} }]) expect(() => parseDeployment(value as unknown as string)).toThrow(InvalidDeploymentError)
  })
})
