import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { concat, fromHex } from '#shared/bytes/bytes.ts';
import type { Recipe } from './samples.ts';

const file = Type.Literal('evidence.cbor');
const offset = Type.Integer({ minimum: 0 });
const length = Type.Integer({ minimum: 0 });
const hex = Type.String();
const OpSchema = Type.Union([
  Type.Object({ op: Type.Literal('xor'), file, offset, mask: Type.Integer() }),
  Type.Object({ op: Type.Literal('write'), file, offset, hex }),
  Type.Object({ op: Type.Literal('insert'), file, offset, hex }),
  Type.Object({ op: Type.Literal('delete'), file, offset, length }),
  Type.Object({ op: Type.Literal('truncate'), file, length }),
  Type.Object({ op: Type.Literal('append'), file, hex }),
  Type.Object({ op: Type.Literal('copy_range'), file, offset, from: Type.String(), from_offset: offset, length }),
]);
type Op = Static<typeof OpSchema>;

/** The document of a recipe's base sample with the recipe's operations applied in order. */
export function applyRecipe(folder: string, recipe: Recipe, document: Uint8Array): Uint8Array {
  return recipe.ops.reduce<Uint8Array>((bytes, op) => {
    if (!Value.Check(OpSchema, op))
      throw new Error(`${recipe.id}: an operation that is not known here: ${JSON.stringify(op)}`);
    return applyOp(folder, op, bytes);
  }, document);
}

function applyOp(folder: string, op: Op, bytes: Uint8Array): Uint8Array {
  switch (op.op) {
    case 'xor':
      return splice(bytes, op.offset, 1, Uint8Array.of((bytes[op.offset] ?? 0) ^ op.mask));
    case 'write': {
      const patch = bytesOf(op.hex);
      return splice(bytes, op.offset, patch.length, patch);
    }
    case 'insert':
      return splice(bytes, op.offset, 0, bytesOf(op.hex));
    case 'delete':
      return splice(bytes, op.offset, op.length, new Uint8Array(0));
    case 'truncate':
      return bytes.slice(0, op.length);
    case 'append':
      return concat(bytes, bytesOf(op.hex));
    case 'copy_range': {
      const source = new Uint8Array(readFileSync(join(folder, op.from)));
      return splice(bytes, op.offset, op.length, source.subarray(op.from_offset, op.from_offset + op.length));
    }
  }
}

function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, at), inserted, bytes.subarray(at + removed));
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error('a recipe with bytes that are not hexadecimal');
  return bytes;
}
