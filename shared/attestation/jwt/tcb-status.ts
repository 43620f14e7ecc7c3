import type { TcbStatus, TcbVerdict } from '../claims.ts';
import { TCB_STATUSES } from '../claims.ts';

/** Names of a status in lower case without underscores: those of Intel's collateral, and the older ones of its services. */
const STATUSES: Readonly<Record<string, TcbStatus>> = {
  ...Object.fromEntries(TCB_STATUSES.map((status) => [status.toLowerCase(), status])),
  ok: 'UpToDate',
  configneeded: 'ConfigurationNeeded',
  configandswhardeningneeded: 'ConfigurationAndSWHardeningNeeded',
  tdrelaunchadvisedconfigneeded: 'TDRelaunchAdvisedConfigurationNeeded',
  outofdateconfigneeded: 'OutOfDateConfigurationNeeded',
};

/** An identifier such as `INTEL-SA-00837`. */
const ADVISORY = /^[A-Z0-9-]{1,32}$/;

/**
 * The verdict that a token's claims state, the worst of several; `undefined` when none is stated. What is not a known
 * status counts as `NotSupported`, so that a new word of an issuer's never passes for a good one.
 */
export function tcbVerdict(statuses: readonly unknown[], advisories: readonly string[]): TcbVerdict | undefined {
  const known = statuses.filter((status) => status !== undefined).map(statusOf);
  // The list goes from the best to the worst.
  const status = TCB_STATUSES.findLast((each) => known.includes(each));
  return status && { status, advisories: [...new Set(advisories.map(advisoryName))].toSorted() };
}

function statusOf(claim: unknown): TcbStatus {
  const name = typeof claim === 'string' ? claim.toLowerCase().replaceAll('_', '') : '';
  return (Object.hasOwn(STATUSES, name) ? STATUSES[name] : undefined) ?? 'NotSupported';
}

/** An advisory that is no identifier is still one that applies: policies cannot name it, so none accepts it. */
function advisoryName(text: string): string {
  return ADVISORY.test(text) ? text : 'unnamed';
}
