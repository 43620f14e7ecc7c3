import { toHex } from '../../bytes/bytes.ts';
import type { Reason } from '../reasons.ts';
import type { SnpLeaf } from './certificates.ts';
import type { SnpProduct } from './product.ts';
import { productOfCpuid } from './product.ts';
import type { SnpReport } from './report.ts';
import { tcbLayout } from './tcb.ts';

const CHIP_ID_BYTES = 64;

/**
 * The product that made a report: by its processor's number, which is signed, and for version 2, which has none, or a
 * processor that is not known, by the certificate. `undefined` where neither tells.
 */
export function productOf(report: SnpReport, leaf: SnpLeaf): SnpProduct | undefined {
  return (report.cpuid === undefined ? undefined : productOfCpuid(report.cpuid)) ?? leaf.product;
}

/**
 * In what a certificate is not the one for a report's key: kind of key, product, chip, version of the firmware. AMD
 * derives a key for each chip and each version, so that all of them must be equal.
 */
export function leafReasons(report: SnpReport, leaf: SnpLeaf): readonly Reason[] {
  return [
    ...kindReasons(report, leaf),
    ...productReasons(report, leaf),
    ...holderReasons(report, leaf),
    ...tcbReasons(report, leaf),
  ];
}

function kindReasons({ signingKey }: SnpReport, { kind }: SnpLeaf): readonly Reason[] {
  if (kind === signingKey) return [];
  const detail = 'the report names another kind of key than the certificate is for';
  return [{ code: 'SIGNING_KEY_KIND_MISMATCH', detail, found: kind ?? 'neither VCEK nor VLEK', wanted: signingKey }];
}

function productReasons({ cpuid }: SnpReport, { product, productName }: SnpLeaf): readonly Reason[] {
  const code = 'PRODUCT_MISMATCH';
  const found = productName ?? 'absent';
  const wanted = cpuid === undefined ? undefined : productOfCpuid(cpuid);
  if (cpuid !== undefined && wanted === undefined) {
    const processor = `family ${cpuid.family}, model ${cpuid.model}`;
    return [{ code, detail: 'the report comes from a processor that is not known', found: processor }];
  }
  if (product === undefined) return [{ code, detail: 'the certificate names no known product', found }];
  if (wanted === undefined || wanted === product) return [];
  return [{ code, detail: 'the certificate is for another product than the report comes from', found, wanted }];
}

/** A VCEK is a chip's, and the report names the chip. A VLEK is a provider's: any of its chips may use it. */
function holderReasons(report: SnpReport, leaf: SnpLeaf): readonly Reason[] {
  const { kind, hwId, cspId, product } = leaf;
  if (kind === 'VLEK') {
    if (hwId === undefined && cspId !== undefined) return [];
    return [{ code: 'CHAIN_INVALID', detail: 'the certificate of a VLEK names a chip, or no provider' }];
  }
  if (kind === undefined) return [];
  const reasons: Reason[] = [];
  if (cspId !== undefined) {
    reasons.push({ code: 'CHAIN_INVALID', detail: 'the certificate of a VCEK names a provider', found: cspId });
  }
  const wanted = toHex(report.chipId);
  const bytes = product === 'Turin' ? 8 : CHIP_ID_BYTES;
  // From Turin on the identifier is shorter than its field, which zeros fill.
  const found = hwId === undefined ? undefined : toHex(hwId);
  if (hwId?.length === bytes && found?.padEnd(2 * CHIP_ID_BYTES, '0') === wanted) return reasons;
  const detail = 'the certificate is for another chip than the report names';
  return [...reasons, { code: 'CHIP_ID_MISMATCH', detail, found: found ?? 'absent', wanted }];
}

function tcbReasons(report: SnpReport, leaf: SnpLeaf): readonly Reason[] {
  const product = productOf(report, leaf);
  // Without a product the bytes have no meaning; that one is missing is a reason of its own.
  if (product === undefined) return [];
  return tcbLayout(product).flatMap(({ component, extension }, index): readonly Reason[] => {
    const wanted = report.reportedTcb[index];
    // A certificate may leave out what is reserved, which is zero.
    const found = leaf.spls.get(extension) ?? (component === 'reserved' ? 0 : undefined);
    if (found === wanted) return [];
    const detail = `the certificate is for another ${extension} than the reported TCB`;
    return [{ code: 'TCB_EXTENSION_MISMATCH', detail, found: `${found ?? 'absent'}`, wanted: `${wanted}` }];
  });
}
