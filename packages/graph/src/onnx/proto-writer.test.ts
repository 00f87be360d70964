import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { ProtoWriter } from './proto-writer.js'

type Piece = { readonly field: number } & ({ readonly integer: number | bigint } | { readonly float: number } | { readonly text: string } | { readonly bytes: Uint8Array } | { readonly message: readonly Piece[] })

const field = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2 ** 28 }))
const leaf = fc.oneof(
  fc.record({ field, integer: fc.oneof(fc.maxSafeInteger(), fc.nat(300), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })) }),
  fc.record({ field, float: fc.float() }),
  fc.record({ field, text: fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 120, maxLength: 300 }), fc.string({ unit: 'grapheme', minLength: 5000, maxLength: 20_000 })) }),
  fc.record({ field, bytes: fc.uint8Array({ maxLength: 300 }) }),
)
const pieces: fc.Arbitrary<readonly Piece[]> = fc.letrec<{ pieces: readonly Piece[] }>((tie) => ({
  pieces: fc.array(fc.oneof({ weight: 4, arbitrary: leaf }, fc.record({ field, message: tie('pieces') })), { maxLength: 12, depthIdentifier: 'piece' }),
})).pieces

function write(writer: ProtoWriter, all: readonly Piece[]): void {
  for (const piece of all) {
    if ('integer' in piece) writer.integer(piece.field, piece.integer)
    else if ('float' in piece) writer.float(piece.field, piece.float)
    else if ('text' in piece) writer.text(piece.field, piece.text)
    else if ('bytes' in piece) writer.bytes(piece.field, piece.bytes)
    else writer.message(piece.field, () => write(writer, piece.message))
  }
}

function writeWithLibrary(writer: BinaryWriter, all: readonly Piece[]): void {
  for (const piece of all) {
    if ('integer' in piece) writer.tag(piece.field, WireType.Varint).int64(piece.integer)
    else if ('float' in piece) writer.tag(piece.field, WireType.Bit32).float(piece.float)
    else if ('text' in piece) writer.tag(piece.field, WireType.LengthDelimited).string(piece.text)
    else if ('bytes' in piece) writer.tag(piece.field, WireType.LengthDelimited).bytes(piece.bytes)
    else {
      writer.tag(piece.field, WireType.LengthDelimited).fork()
      writeWithLibrary(writer, piece.message)
      writer.join()
    }
  }
}

it('writes what the library of protocol buffers writes, byte for byte, however little memory it begins with', () => {
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 4096 }), (all, capacity) => {
      const [own, library] = [new ProtoWriter(capacity), new BinaryWriter()]
      write(own, all)
      writeWithLibrary(library, all)
      expect(Buffer.from(own.finish()).equals(library.finish())).toBe(true)
    }),
    { numRuns: 400 },
  )
})

it('puts lengths of one to four bytes before messages within messages', () => {
  for (const length of [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const all: readonly Piece[] = [{ field: 1, message: [{ field: 2, message: [{ field: 3, bytes: new Uint8Array(length).fill(7) }, { field: 4, integer: -1 }] }, { field: 5, text: 'é'.repeat(70) }] }]
    const [own, library] = [new ProtoWriter(), new BinaryWriter()]
    write(own, all)
    writeWithLibrary(library, all)
    expect(Buffer.compare(own.finish(), library.finish())).toBe(0)
  }
})
