import type { SnpCpuid } from './report.ts';

/** Generations of EPYC processors that SEV-SNP exists on, by the names of their key hierarchies. */
export const SNP_PRODUCTS = ['Milan', 'Genoa', 'Turin'] as const;

/** A name of {@link SNP_PRODUCTS}. */
export type SnpProduct = (typeof SNP_PRODUCTS)[number];

/**
 * Families and models, extended parts included, first and last. Bergamo and Siena (family 19h, models A0h to AFh) are
 * endorsed as Genoa, the dense Turin (1Ah, 10h to 1Fh) as Turin.
 */
const MODELS: readonly (readonly [family: number, first: number, last: number, product: SnpProduct])[] = [
  [0x19, 0x00, 0x0f, 'Milan'],
  [0x19, 0x10, 0x1f, 'Genoa'],
  [0x19, 0xa0, 0xaf, 'Genoa'],
  [0x1a, 0x00, 0x1f, 'Turin'],
];

/** The product that a processor belongs to; `undefined` for one that is not known. */
export function productOfCpuid({ family, model }: SnpCpuid): SnpProduct | undefined {
  return MODELS.find(([known, first, last]) => family === known && model >= first && model <= last)?.[3];
}

/**
 * The product that a certificate names: `Milan`, or `Milan-B0` with the stepping of the silicon, which says nothing of
 * the chip's keys; `undefined` for another.
 */
export function productOfName(name: string): SnpProduct | undefined {
  return SNP_PRODUCTS.find((product) => name === product || name.startsWith(`${product}-`));
}
