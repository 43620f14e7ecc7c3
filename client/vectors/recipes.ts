import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { concat, fromHex, utf8 } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { Recipe } from './expected.ts';
import type { VectorFiles } from './vector-platform.ts';

const file = Type.String();
const offset = Type.Integer({ minimum: 0 });
const length = Type.Integer({ minimum: 0 });
const hex = Type.String();
const key = Type.String();
const OpSchema = Type.Union([
  Type.Object({ op: Type.Literal('xor'), file, offset, mask: Type.Integer() }),
  Type.Object({ op: Type.Literal('write'), file, offset, hex }),
  Type.Object({ op: Type.Literal('insert'), file, offset, hex }),
  Type.Object({ op: Type.Literal('delete'), file, offset, length }),
  Type.Object({ op: Type.Literal('truncate'), file, length }),
  Type.Object({ op: Type.Literal('append'), file, hex }),
  Type.Object({ op: Type.Literal('copy_range'), file, offset, from: Type.String(), from_offset: offset, length }),
  Type.Object({ op: Type.Literal('replace_file'), file, from: Type.String() }),
  Type.Object({ op: Type.Literal('set_file_text'), file, text: Type.String() }),
]);
type Op = Static<typeof OpSchema>;
