import { InvalidFileError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { idIn, labelCount, only, optionIn, sizeIn } from './config.js'
import { checkpointOf } from './test-support.js'

describe('reading a config', () => {
  it('takes positive integers as sizes', () => {
    expect(sizeIn(checkpointOf({ hidden_size: 384 }), 'hidden_size')).toBe(384)
  })

  it.each([[undefined], [null], [0], [-1], [1.5], ['384'], [2 ** 31], [Infinity], [NaN], [[384]]])('refuses %j as a size, and names the key and the file', (value) => {
    const read = () => sizeIn(checkpointOf({ hidden_size: value }), 'hidden_size')
    expect(read).toThrow(InvalidFileError)
    expect(read).toThrow("folder/config.json gives")
    expect(read).toThrow("'hidden_size'")
  })

  it('falls back on the default where a size is absent or null', () => {
    expect(sizeIn(checkpointOf({}), 'num_hidden_groups', 1)).toBe(1)
    expect(sizeIn(checkpointOf({ num_hidden_groups: null }), 'num_hidden_groups', 1)).toBe(1)
    expect(sizeIn(checkpointOf({ num_hidden_groups: 2 }), 'num_hidden_groups', 1)).toBe(2)
    expect(() => sizeIn(checkpointOf({ num_hidden_groups: 0 }), 'num_hidden_groups', 1)).toThrow(InvalidFileError)
  })

  it('takes 0 and what is above as a token, the default where there is none', () => {
    expect(idIn(checkpointOf({ pad_token_id: 0 }), 'pad_token_id', 1)).toBe(0)
    expect(idIn(checkpointOf({ pad_token_id: null }), 'pad_token_id', 1)).toBe(1)
    for (const id of [-1, 0.5, '1', 2 ** 31]) expect(() => idIn(checkpointOf({ pad_token_id: id }), 'pad_token_id', 1)).toThrow(InvalidFileError)
  })

  it('falls back on the default where an option is absent or null, and refuses another type', () => {
    expect(optionIn(checkpointOf({}), 'hidden_act', 'gelu')).toBe('gelu')
    expect(optionIn(checkpointOf({ hidden_act: null }), 'hidden_act', 'gelu')).toBe('gelu')
    expect(optionIn(checkpointOf({ hidden_act: 'relu' }), 'hidden_act', 'gelu')).toBe('relu')
    expect(optionIn(checkpointOf({ layer_norm_eps: 0 }), 'layer_norm_eps', 1e-12)).toBe(0)
    expect(() => optionIn(checkpointOf({ layer_norm_eps: '1e-12' }), 'layer_norm_eps', 1e-12)).toThrow('gives \'layer_norm_eps\' as "1e-12". Write it as a number')
  })

  it('counts labels by their names, else by num_labels, else two', () => {
    expect(labelCount(checkpointOf({ id2label: { 0: 'no', 1: 'yes', 2: 'perhaps' }, num_labels: 7 }))).toBe(3)
    expect(labelCount(checkpointOf({ num_labels: 7 }))).toBe(7)
    expect(labelCount(checkpointOf({}))).toBe(2)
    expect(() => labelCount(checkpointOf({ num_labels: 'two' }))).toThrow(InvalidFileError)
  })

  it('refuses settings that change the computation', () => {
    only(checkpointOf({}), 'is_decoder', false)
    only(checkpointOf({ is_decoder: null }), 'is_decoder', false)
    only(checkpointOf({ is_decoder: false }), 'is_decoder', false)
    expect(() => only(checkpointOf({ is_decoder: true }), 'is_decoder', false)).toThrow("sets 'is_decoder' to true. Only false is built for this family")
  })
})
