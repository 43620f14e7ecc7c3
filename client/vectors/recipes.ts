import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { Recipe } from './expected.ts';
import type { VectorFiles } from './vector-platform.ts';

const text = Type.String();
const whole = Type.Integer({ minimum: 0 });
const named = { file: text };
const OpSchema = Type.Union([
  Type.Object({ op: Type.Literal('xor'), ...named, offset: whole, mask: whole }),
  Type.Object({ op: Type.Literal('write'), ...named, offset: whole, hex: text }),
  Type.Object({ op: Type.Literal('insert'), ...named, offset: whole, hex: text }),
  Type.Object({ op: Type.Literal('delete'), ...named, offset: whole, length: whole }),
  Type.Object({ op: Type.Literal('truncate'), ...named, length: whole }),
  Type.Object({ op: Type.Literal('append'), ...named, hex: text }),
  Type.Object({
    op: Type.Literal('copy_range'),
    ...named,
    offset: whole,
    from: text,
    from_offset: whole,
    length: whole,
  }),
  Type.Object({ op: Type.Literal('replace_file'), ...named, from: text }),
  Type.Object({ op: Type.Literal('set_file_text'), ...named, text }),
  Type.Object({ op: Type.Literal('json_set'), ...named, key: text, value: Type.Unknown() }),
  Type.Object({ op: Type.Literal('json_copy'), ...named, key: text, from: text, from_key: Type.Optional(text) }),
  Type.Object({ op: Type.Literal('json_replace_text'), ...named, key: text, find: text, with: text }),
  Type.Object({ op: Type.Literal('json_xor_hex'), ...named, key: text, offset: whole, mask: whole }),
]);
type Op = Static<typeof OpSchema>;

/** Reads a file of the collection by its path within it. */
export type ReadFile = (path: string) => Uint8Array;

/**
 * The files of a recipe's base sample with the recipe's operations applied in order.
 * @throws Fault - CONFIG_INVALID for an operation that is not known here, or a file that is not there
 */
export function applyRecipe(recipe: Recipe, base: VectorFiles, read: ReadFile): VectorFiles {
  const files = new Map(base);
  for (const op of recipe.ops) {
    if (!Value.Check(OpSchema, op)) throw broken(recipe, `operation ${JSON.stringify(op).slice(0, 100)} is not known`);
    const bytes = files.get(op.file);
    if (bytes === undefined && op.op !== 'replace_file' && op.op !== 'set_file_text') {
      throw broken(recipe, `the base sample has no file ${op.file}`);
    }
    files.set(op.file, altered(op, bytes ?? new Uint8Array(0), read));
  }
  return files;
}

function altered(op: Op, bytes: Uint8Array, read: ReadFile): Uint8Array {
  switch (op.op) {
    case 'xor':
      return splice(bytes, op.offset, 1, Uint8Array.of((bytes[op.offset] ?? 0) ^ op.mask));
    case 'write':
      return splice(bytes, op.offset, op.hex.length / 2, bytesOf(op.hex));
    case 'insert':
      return splice(bytes, op.offset, 0, bytesOf(op.hex));
    case 'delete':
      return splice(bytes, op.offset, op.length, new Uint8Array(0));
    case 'truncate':
      return bytes.slice(0, op.length);
    case 'append':
      return concat(bytes, bytesOf(op.hex));
    case 'copy_range':
      return splice(bytes, op.offset, op.length, read(op.from).subarray(op.from_offset, op.from_offset + op.length));
    case 'replace_file':
      return read(op.from);
    case 'set_file_text':
      return utf8(op.text);
    default:
      return utf8(JSON.stringify(alteredJson(op, objectIn(bytes), read)));
  }
}

type JsonOp = Extract<Op, { op: `json_${string}` }>;
type JsonObject = Readonly<Record<string, unknown>>;

function alteredJson(op: JsonOp, object: JsonObject, read: ReadFile): JsonObject {
  switch (op.op) {
    case 'json_set':
      return { ...object, [op.key]: op.value };
    case 'json_copy':
      return { ...object, [op.key]: objectIn(read(op.from))[op.from_key ?? op.key] };
    case 'json_replace_text':
      return { ...object, [op.key]: textIn(object, op.key).replace(op.find, () => op.with) };
    case 'json_xor_hex': {
      const bytes = bytesOf(textIn(object, op.key));
      return {
        ...object,
        [op.key]: toHex(splice(bytes, op.offset, 1, Uint8Array.of((bytes[op.offset] ?? 0) ^ op.mask))),
      };
    }
  }
}

function objectIn(bytes: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!Value.Check(Type.Record(text, Type.Unknown()), value))
    throw new Fault('CONFIG_INVALID', 'a recipe for JSON on another file');
  return value;
}

function textIn(object: JsonObject, key: string): string {
  const value = object[key];
  if (typeof value !== 'string') throw new Fault('CONFIG_INVALID', `a recipe for the text ${key}, which is not there`);
  return value;
}

function splice(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, at), inserted, bytes.subarray(at + removed));
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Fault('CONFIG_INVALID', 'a recipe with bytes that are not hexadecimal');
  return bytes;
}

function broken({ id }: Recipe, what: string): Fault {
  return new Fault('CONFIG_INVALID', `recipe ${id}: ${what}`);
}
