import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import {
  type CertificateContents,
  type Certified,
  certify,
  type EmulatorRoot,
  nameAround,
  newEcKeys,
  serialNumber,
  withFingerprint,
} from '../certify.ts';
import type { Surroundings } from '../surroundings.ts';
import { type PckFields, SGX_EXTENSION, sgxExtensionValue } from './sgx-extension.ts';

/** Every key and signature of Intel's hierarchy: ECDSA on P-256 with SHA-256. */
export const INTEL_SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Certificates of the hierarchy by what they are for. */
export type CertificateRole = 'root' | 'authority' | 'tcbSigning' | 'pck';

/** What a certificate states. Each field can be bent. */
export interface IntelCertificate extends Omit<CertificateContents, 'publicKey' | 'signing'> {
  /** Curve of the key that is certified. */
  readonly namedCurve: string;
}

/** How a test bends certificates before they are signed. */
export type IntelBends = Readonly<
  Partial<Record<CertificateRole, (fields: IntelCertificate) => Partial<IntelCertificate>>>
>;

/** How a hierarchy is made. */
export interface IntelPkiOptions {
  readonly surroundings: Surroundings;
  /** The root to use; a new one when left out. */
  readonly root?: EmulatorRoot;
  /** Intel has one for boards with several processors, one for others. */
  readonly authority?: 'Platform' | 'Processor';
  readonly bends?: IntelBends;
}

/** The emulated hierarchy: what signs PCK certificates and their CRL, and what signs TCB info and QE identities. */
export interface IntelPki {
  readonly root: EmulatorRoot;
  readonly authority: Certified;
  readonly tcbSigning: Certified;
}

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

/** A new root for emulated Intel platforms, for 30 years. */
export async function createIntelRoot({ surroundings, bends }: IntelPkiOptions): Promise<EmulatorRoot> {
  const subject = {
    commonName: 'EMULATED Intel SGX Root CA',
    validMs: 30 * YEAR_MS,
    extensions: authorityExtensions(1),
  };
  return withFingerprint(await issue(undefined, subject, { surroundings, bend: bends?.root }));
}

/** The two certificates below the root. Their names are those that verifiers go by; the rest says EMULATED. */
export async function createIntelPki(options: IntelPkiOptions): Promise<IntelPki> {
  const { surroundings, bends, authority: kind = 'Platform' } = options;
  const root = options.root ?? (await createIntelRoot(options));
  const authority = await issue(
    root,
    { commonName: `Intel SGX PCK ${kind} CA`, validMs: 15 * YEAR_MS, extensions: authorityExtensions(0) },
    { surroundings, bend: bends?.authority },
  );
  const tcbSigning = await issue(
    root,
    { commonName: 'Intel SGX TCB Signing', validMs: 7 * YEAR_MS, extensions: signerExtensions() },
    { surroundings, bend: bends?.tcbSigning },
  );
  return { root, authority, tcbSigning };
}

/** A PCK certificate for the platform that `fields` describe. */
export function issuePck(
  { authority }: Pick<IntelPki, 'authority'>,
  fields: PckFields,
  { surroundings, bends }: Pick<IntelPkiOptions, 'surroundings' | 'bends'>,
): Promise<Certified> {
  const extensions = [...signerExtensions(), sgxExtension(fields)];
  const subject = { commonName: 'Intel SGX PCK Certificate', validMs: 7 * YEAR_MS, extensions };
  return issue(authority, subject, { surroundings, bend: bends?.pck });
}

/** The SGX extension as a certificate carries it. */
export function sgxExtension(fields: PckFields): x509.Extension {
  return new x509.Extension(SGX_EXTENSION, false, Uint8Array.from(sgxExtensionValue(fields)));
}

/** PEM of certificates in the given order, as Intel writes chains: one after the other, each with its line end. */
export function pemOf(...chain: readonly Certified[]): string {
  return chain.map(({ certificate }) => `${certificate.toString('pem')}\n`).join('');
}

interface Subject {
  readonly commonName: string;
  readonly validMs: number;
  readonly extensions: readonly x509.Extension[];
}

interface Bent {
  readonly surroundings: Surroundings;
  readonly bend: IntelBends[CertificateRole];
}

/** Issues a certificate over a fresh key, by itself when there is no `issuer`. */
async function issue(
  issuer: Certified | undefined,
  subject: Subject,
  { surroundings, bend }: Bent,
): Promise<Certified> {
  const nowMs = surroundings.now();
  const name = nameAround(subject.commonName);
  const own = await newEcKeys(INTEL_SIGNING.namedCurve);
  const plain: IntelCertificate = {
    subject: name,
    issuer: issuer?.certificate.subject ?? name,
    serial: serialNumber(surroundings),
    validMs: [nowMs - DAY_MS, nowMs + subject.validMs],
    extensions: subject.extensions,
    namedCurve: INTEL_SIGNING.namedCurve,
    signingKey: (issuer?.keys ?? own).privateKey,
  };
  const fields = { ...plain, ...bend?.(plain) };
  const keys = fields.namedCurve === plain.namedCurve ? own : await newEcKeys(fields.namedCurve);
  const certificate = await certify({ ...fields, publicKey: keys.publicKey, signing: INTEL_SIGNING });
  return { certificate, keys };
}

function authorityExtensions(pathLength: number): readonly x509.Extension[] {
  const usages = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  return [new x509.BasicConstraintsExtension(true, pathLength, true), new x509.KeyUsagesExtension(usages, true)];
}

function signerExtensions(): readonly x509.Extension[] {
  const usages = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.nonRepudiation;
  return [new x509.BasicConstraintsExtension(false, undefined, true), new x509.KeyUsagesExtension(usages, true)];
}
