import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import type { SplName } from '#shared/attestation/sev-snp/tcb.ts';

const SINCE_TURIN = ['fmcSPL', 'blSPL', 'teeSPL', 'snpSPL', 'ucodeSPL'] as const satisfies readonly SplName[];

/** The parameters by which AMD's key distribution service names a version of the firmware, in their order (AMD 57230). */
export function kdsParameters(product: SnpProduct): readonly SplName[] {
  return product === 'Turin' ? SINCE_TURIN : SINCE_TURIN.slice(1);
}

/** Those parameters with the versions among `spls`; 0 where there is none. */
export function kdsTcb(
  product: SnpProduct,
  spls: ReadonlyMap<SplName, number>,
): readonly (readonly [SplName, number])[] {
  return kdsParameters(product).map((name) => [name, spls.get(name) ?? 0]);
}
