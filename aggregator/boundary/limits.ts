import { assert } from '#shared/fault/fault.ts';

/** Every bound of the boundary in one place; bytes unless the name says otherwise. */
export const BOUNDARY_LIMITS = {
  /** Longest message, without its 4 length bytes. */
  messageBytesMax: 2 * 1024 * 1024,
  /** A signed manifest in its DSSE file form; leaves room for the message around it. */
  studyEnvelopeBytesMax: 2 * 1024 * 1024 - 4096,
  /** A signed command in its DSSE file form. */
  commandEnvelopeBytesMax: 16 * 1024,
  /** A signed status in its DSSE file form. */
  statusEnvelopeBytesMax: 64 * 1024,
  /** A signed release statement in its DSSE file form; it carries the evidence. */
  statementBytesMax: 512 * 1024,
  /** One piece of weights or of a release payload. */
  pieceBytesMax: 1024 * 1024,
  /** All initial weights of a study. */
  weightsBytesMax: 4 * 1024 * 1024 * 1024,
  /** The payload of one release. */
  releaseBytesMax: 5 * 1024 * 1024 * 1024,
  documentBytesMax: 64 * 1024,
  endorsementBytesMax: 48 * 1024,
  endorsementsMax: 12,
  textLengthMax: 1024,
  logFieldsMax: 16,
} as const;

const ROOM_FOR_FIELDS_BYTES = 1024;

assert(
  BOUNDARY_LIMITS.studyEnvelopeBytesMax + ROOM_FOR_FIELDS_BYTES <= BOUNDARY_LIMITS.messageBytesMax,
  'a study fits its message',
);
assert(
  BOUNDARY_LIMITS.pieceBytesMax + ROOM_FOR_FIELDS_BYTES <= BOUNDARY_LIMITS.messageBytesMax,
  'a piece fits its message',
);
assert(
  BOUNDARY_LIMITS.documentBytesMax + BOUNDARY_LIMITS.endorsementsMax * BOUNDARY_LIMITS.endorsementBytesMax <
    BOUNDARY_LIMITS.messageBytesMax,
  'evidence fits its message',
);
assert(BOUNDARY_LIMITS.weightsBytesMax < BOUNDARY_LIMITS.releaseBytesMax, 'a release of the largest model fits');
