/**
 * What Intel's TCB info and QE identity are made of. Their objects may hold fields beyond those that are read here:
 * Intel added `category`, `type` and `advisoryIDs` without a new version, and nobody but Intel signs them.
 */
import { type Static, Type } from '@sinclair/typebox';
import { fromHex } from '../../bytes/bytes.ts';
import { malformed } from '../malformed.ts';
import { timeFromText } from '../x509/time.ts';
import { COMPONENT_STATUSES } from './tcb-status.ts';

/** Levels or identities in one list; Intel lists up to 21. */
export const ENTRIES_MAX = 128;

/** PCESVN, ISVSVN, ISVPRODID. */
export const u16 = Type.Integer({ minimum: 0, maximum: 0xffff });

/** `YYYY-MM-DDTHH:MM:SSZ`; whether a calendar has it is for {@link instant}. */
export const time = Type.String({ minLength: 20, maxLength: 20 });

/** Names such as `INTEL-SA-00837`; left out where there are none. */
export const advisoryIDs = Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z0-9-]{1,32}$' }), { maxItems: 256 }));

/** What every document of Intel states of itself. */
export const issued = {
  issueDate: time,
  nextUpdate: time,
  tcbEvaluationDataNumber: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
};

/** What Intel says of the versions of the quoting enclave or of a TDX module. */
export const ComponentLevelsSchema = Type.Array(
  Type.Object({
    tcb: Type.Object({ isvsvn: u16 }),
    tcbDate: time,
    tcbStatus: Type.Union(COMPONENT_STATUSES.map((status) => Type.Literal(status))),
    advisoryIDs,
  }),
  { minItems: 1, maxItems: ENTRIES_MAX },
);

/** What Intel says of all versions of a component from `isvSvn` on, until a better level begins. */
export interface ComponentLevel {
  readonly isvSvn: number;
  readonly status: (typeof COMPONENT_STATUSES)[number];
  /** As Intel writes it: the day whose advisories the level has taken in. */
  readonly date: string;
  readonly advisories: readonly string[];
}

/** Levels as Intel lists them, best first. */
export function componentLevels(levels: Static<typeof ComponentLevelsSchema>): readonly ComponentLevel[] {
  return levels.map(({ tcb, tcbDate, tcbStatus, advisoryIDs: advisories = [] }) => ({
    isvSvn: tcb.isvsvn,
    status: tcbStatus,
    date: tcbDate,
    advisories,
  }));
}

/** Hexadecimal of exactly `bytes` bytes. */
export function hexOf(bytes: number) {
  return Type.String({ pattern: `^[0-9a-fA-F]{${2 * bytes}}$` });
}

/** Milliseconds since 1970. Throws `MalformedInput` for a time that no calendar has. */
export function instant(text: string): number {
  return timeFromText(text) ?? malformed('collateral with a time that is none');
}

/** Bytes of a string that {@link hexOf} has proven. Throws `MalformedInput` for any other. */
export function octets(hex: string): Uint8Array {
  return fromHex(hex) ?? malformed('collateral with bytes that are not hexadecimal');
}
