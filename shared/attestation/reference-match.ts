import type { Claims, TcbStatus } from './claims.ts';
import type { AcceptedEnclave } from './policy.ts';
import type { Reason, ReasonCode } from './reasons.ts';
import { attributeRule, vocabularyOf } from './reference-values.ts';
import { timeText } from './x509/time.ts';

/** The code for each status that is not accepted. */
const STATUS_CODES: Readonly<Record<Exclude<TcbStatus, 'UpToDate'>, ReasonCode>> = {
  SWHardeningNeeded: 'TCB_SW_HARDENING_NEEDED',
  ConfigurationNeeded: 'TCB_CONFIGURATION_NEEDED',
  ConfigurationAndSWHardeningNeeded: 'TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED',
  TDRelaunchAdvised: 'TCB_TD_RELAUNCH_ADVISED',
  TDRelaunchAdvisedConfigurationNeeded: 'TCB_TD_RELAUNCH_ADVISED',
  OutOfDate: 'TCB_OUT_OF_DATE',
  OutOfDateConfigurationNeeded: 'TCB_OUT_OF_DATE_CONFIGURATION_NEEDED',
  Revoked: 'TCB_REVOKED',
  NotSupported: 'TCB_NOT_SUPPORTED',
};

/** All in which verified claims differ from the reference values of one accepted enclave; empty when nothing does. */
export function differencesFrom(
  claims: Claims,
  enclave: AcceptedEnclave,
  atMs: number,
  place: string,
): readonly Reason[] {
  const whose = `that of ${enclave.name} in ${place}`;
  return [
    ...measurementReasons(claims, enclave, whose),
    ...attributeReasons(claims, enclave, whose),
    ...levelReasons(claims, enclave, whose),
    ...tcbReasons(claims, enclave, place),
    ...validityReasons(enclave, atMs, place),
  ];
}

function measurementReasons(claims: Claims, enclave: AcceptedEnclave, whose: string): readonly Reason[] {
  return Object.entries(enclave.measurements).flatMap(([name, wanted]): readonly Reason[] => {
    const found = own(claims.measurements, name) ?? 'absent';
    return found === wanted ? [] : [{ code: 'MEASUREMENT_MISMATCH', detail: `${name} is not ${whose}`, found, wanted }];
  });
}

function attributeReasons(claims: Claims, enclave: AcceptedEnclave, whose: string): readonly Reason[] {
  const stated = enclave.attributes ?? {};
  const defaults = Object.entries(vocabularyOf(claims.platform).attributes).flatMap(([name, { otherwise, onlyIf }]) => {
    if (otherwise === undefined || Object.hasOwn(stated, name)) return [];
    if (onlyIf !== undefined && own(claims.attributes, onlyIf.attribute) !== onlyIf.equals) return [];
    return [[name, otherwise] as const];
  });
  return [...Object.entries(stated), ...defaults].flatMap(([name, wanted]): readonly Reason[] => {
    const found = own(claims.attributes, name);
    if (found === wanted) return [];
    const code = attributeRule(claims.platform, name)?.code ?? 'CLAIM_MISMATCH';
    return [{ code, detail: `${name} is not ${whose}`, found: `${found ?? 'absent'}`, wanted: `${wanted}` }];
  });
}

/** Each level by itself: a high one never makes up for a low one. */
function levelReasons(claims: Claims, enclave: AcceptedEnclave, whose: string): readonly Reason[] {
  return Object.entries(enclave.minimums ?? {}).flatMap(([name, least]): readonly Reason[] => {
    const found = own(claims.levels, name);
    if (found !== undefined && found >= least) return [];
    const detail = `${name} is below ${whose}`;
    return [{ code: 'TCB_BELOW_MINIMUM', detail, found: `${found ?? 'absent'}`, wanted: `at least ${least}` }];
  });
}

function tcbReasons({ tcb }: Claims, enclave: AcceptedEnclave, place: string): readonly Reason[] {
  if (tcb === undefined || tcb.status === 'UpToDate') return [];
  const accepted: readonly TcbStatus[] = enclave.tcbStatuses ?? ['UpToDate'];
  const { status, advisories } = tcb;
  if (!accepted.includes(status)) {
    const detail = `the vendor rates the platform ${status}, which ${enclave.name} in ${place} does not accept`;
    return [
      { code: STATUS_CODES[status], detail, found: [status, ...advisories].join(' '), wanted: accepted.join(' or ') },
    ];
  }
  const open = advisories.filter((advisory) => enclave.advisories?.includes(advisory) !== true);
  if (open.length === 0) return [];
  const detail = `security advisories that ${enclave.name} in ${place} does not accept`;
  return [{ code: 'TCB_ADVISORY_NOT_ACCEPTED', detail, found: open.join(' '), wanted: 'none but those in advisories' }];
}

function validityReasons(enclave: AcceptedEnclave, atMs: number, place: string): readonly Reason[] {
  const { name, validFrom, validUntil } = enclave;
  const early = validFrom !== undefined && atMs < Date.parse(validFrom);
  const late = validUntil !== undefined && atMs > Date.parse(validUntil);
  if (!early && !late) return [];
  const detail = `the reference values of ${name} in ${place} do not hold at this time`;
  const wanted = `${validFrom ?? 'any time'} to ${validUntil ?? 'any time'}`;
  return [{ code: 'REFERENCE_VALUES_NOT_VALID', detail, found: timeText(atMs), wanted }];
}

/** A property of the record itself: a policy may use any name, also one that every object has. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
