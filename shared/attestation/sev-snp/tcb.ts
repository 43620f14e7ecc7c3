import type { SnpProduct } from './product.ts';

/** Components of a TCB_VERSION that have a name, in the words of AMD 56860; `fmc` exists from Turin on. */
export const TCB_COMPONENTS = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const;

/** A name of {@link TCB_COMPONENTS}. */
export type TcbComponent = (typeof TCB_COMPONENTS)[number];

/** Security version numbers, 0 to 255. `fmc` is there from Turin on only. */
export type Tcb = Readonly<Partial<Record<TcbComponent, number>>>;

/** One byte of a TCB_VERSION: what it counts, or `reserved`, and the certificate extension that holds the same. */
export interface TcbByte {
  readonly component: TcbComponent | 'reserved';
  readonly extension: SplName;
}

/** Names of the extensions that hold a component (AMD 57230, "VCEK Certificate Extensions"). */
export type SplName = 'fmcSPL' | 'blSPL' | 'teeSPL' | 'snpSPL' | 'spl4' | 'spl5' | 'spl6' | 'spl7' | 'ucodeSPL';

const MICROCODE: TcbByte = { component: 'microcode', extension: 'ucodeSPL' };
const BOOTLOADER: TcbByte = { component: 'bootloader', extension: 'blSPL' };
const TEE: TcbByte = { component: 'tee', extension: 'teeSPL' };
const SNP: TcbByte = { component: 'snp', extension: 'snpSPL' };
const reserved = (extension: SplName): TcbByte => ({ component: 'reserved', extension });

/** Layout of Milan and Genoa, lowest byte first (AMD 56860, "Structure of the TCB_VERSION"). */
const BEFORE_TURIN: readonly TcbByte[] = [
  BOOTLOADER,
  TEE,
  reserved('spl4'),
  reserved('spl5'),
  reserved('spl6'),
  reserved('spl7'),
  SNP,
  MICROCODE,
];

/** Layout from Turin on, lowest byte first. */
const SINCE_TURIN: readonly TcbByte[] = [
  { component: 'fmc', extension: 'fmcSPL' },
  BOOTLOADER,
  TEE,
  SNP,
  reserved('spl5'),
  reserved('spl6'),
  reserved('spl7'),
  MICROCODE,
];

/** What each of the 8 bytes of a product's TCB_VERSION is, lowest byte first. */
export function tcbLayout(product: SnpProduct): readonly TcbByte[] {
  return product === 'Turin' ? SINCE_TURIN : BEFORE_TURIN;
}

/** The named components of an 8-byte TCB_VERSION of `product`. */
export function tcbOf(product: SnpProduct, bytes: Uint8Array): Tcb {
  const named = tcbLayout(product).map(({ component }, index) => [component, bytes[index] ?? 0] as const);
  return Object.fromEntries(named.filter(([component]) => component !== 'reserved'));
}

/**
 * The least of each component over `tcbs`. A TCB_VERSION is no number: a high component never makes up for a low one.
 */
export function leastTcb(tcbs: readonly Tcb[]): Tcb {
  const least = TCB_COMPONENTS.map((component) => [component, tcbs.flatMap((tcb) => tcb[component] ?? [])] as const);
  return Object.fromEntries(
    least.flatMap(([component, all]) => (all.length > 0 ? [[component, Math.min(...all)]] : [])),
  );
}
