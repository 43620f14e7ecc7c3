import { toHex } from '../../bytes/bytes.ts';
import type { ClaimedRoot, Claims } from '../claims.ts';
import type { AttributeRule } from '../platform.ts';
import type { Quote } from './quote.ts';
import type { QuoteBasis } from './verify-quote.ts';

/** What the PCK certificate of a quote says of the platform below it: attributes that SGX and TDX share. */
export const PLATFORM_ATTRIBUTES = {
  fmspc: { type: 'text' },
  pce_id: { type: 'text' },
  ppid: { type: 'text' },
  platform_instance_id: { type: 'text' },
  sgx_type: { type: 'number' },
  smt_enabled: { type: 'boolean' },
  cached_keys: { type: 'boolean' },
  dynamic_platform: { type: 'boolean' },
} as const satisfies Readonly<Record<string, AttributeRule>>;

const COMPONENTS = Array.from({ length: 16 }, (_, index) => `sgx_tcb_svn.${index + 1}`);

/**
 * Levels that SGX and TDX share: those of the platform by its PCK certificate (`sgx_tcb_svn.1` to `.16` in Intel's
 * numbering, `pce_svn`), of the quoting enclave, and of the collateral.
 */
export const PLATFORM_LEVELS: readonly string[] = ['pce_svn', 'qe_svn', 'tcb_evaluation_number', ...COMPONENTS];

/** The parts of claims that depend on the platform and on what its authenticity rests on, not on what runs there. */
export function platformClaims({ proof }: Quote, { pck, anchor, tcb, levels, ...basis }: QuoteBasis): PlatformClaims {
  const { ppid, pceId, fmspc, sgxType, platformInstanceId, configuration, tcb: versions } = pck.platform;
  const attributes = {
    fmspc: toHex(fmspc),
    pce_id: toHex(pceId),
    ppid: toHex(ppid),
    sgx_type: sgxType,
    ...stated({ platform_instance_id: platformInstanceId && toHex(platformInstanceId) }),
    ...stated({
      smt_enabled: configuration?.smtEnabled,
      cached_keys: configuration?.cachedKeys,
      dynamic_platform: configuration?.dynamicPlatform,
    }),
  };
  const components = Object.fromEntries(versions.components.map((svn, index) => [`sgx_tcb_svn.${index + 1}`, svn]));
  const { name, sha256, emulated, platform } = anchor;
  return {
    attributes,
    levels: { ...components, pce_svn: versions.pceSvn, qe_svn: proof.qeReport.isvSvn, ...levels },
    tcb,
    concerns: basis.concerns,
    validFromMs: basis.validFromMs,
    validUntilMs: basis.validUntilMs,
    root: { name, platform, sha256, emulated },
    details: {
      ...basis.details,
      chain: [pck.root, pck.authority, pck.leaf].map(({ subjectText }) => subjectText).join(' > '),
    },
  };
}

type PlatformClaims = Pick<
  Claims,
  'attributes' | 'levels' | 'tcb' | 'concerns' | 'validFromMs' | 'validUntilMs' | 'details'
> & { readonly root: ClaimedRoot };

/** The fields that have a value. */
function stated<T extends boolean | string>(
  fields: Readonly<Record<string, T | undefined>>,
): Readonly<Record<string, T>> {
  const known = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(known);
}
