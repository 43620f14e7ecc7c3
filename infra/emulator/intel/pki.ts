import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { toHex } from '#shared/bytes/bytes.ts';
import { type Certified, type EmulatorRoot, type Surroundings, withFingerprint } from '../pki.ts';
import { type PckFields, SGX_EXTENSION, sgxExtensionValue } from './sgx-extension.ts';

/** Every key and signature of Intel's hierarchy: ECDSA on P-256 with SHA-256. */
export const INTEL_SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Certificates of the hierarchy by what they are for. */
export type CertificateRole = 'root' | 'authority' | 'tcbSigning' | 'pck';

/** What a certificate states. Each field can be bent. */
export interface IntelCertificate {
  /** Distinguished names in the notation of RFC 4514, the least significant part first. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serial: string;
  /** Not before, not after; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  readonly extensions: readonly x509.Extension[];
  readonly namedCurve: string;
  /** Signs in the place of the issuer's key. */
  readonly signingKey: webcrypto.CryptoKey;
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
const SERIAL_BYTES = 20;
const EMULATED = 'O=EMULATED, OU=Cloister emulator - no hardware, C=ZZ';
const ROOT_NAME = `CN=EMULATED Intel SGX Root CA, ${EMULATED}`;

/** A new root for emulated Intel platforms, for 30 years. */
export async function createIntelRoot({ surroundings, bends }: IntelPkiOptions): Promise<EmulatorRoot> {
  const subject = { name: ROOT_NAME, validMs: 30 * YEAR_MS, extensions: authorityExtensions(1) };
  return withFingerprint(await issue(undefined, subject, { surroundings, bend: bends?.root }));
}

/** The two certificates below the root. Their names are those that verifiers go by; the rest says EMULATED. */
export async function createIntelPki(options: IntelPkiOptions): Promise<IntelPki> {
  const { surroundings, bends, authority: kind = 'Platform' } = options;
  const root = options.root ?? (await createIntelRoot(options));
  const authority = await issue(
    root,
    { name: `CN=Intel SGX PCK ${kind} CA, ${EMULATED}`, validMs: 15 * YEAR_MS, extensions: authorityExtensions(0) },
    { surroundings, bend: bends?.authority },
  );
  const tcbSigning = await issue(
    root,
    { name: `CN=Intel SGX TCB Signing, ${EMULATED}`, validMs: 7 * YEAR_MS, extensions: signerExtensions() },
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
  const subject = { name: `CN=Intel SGX PCK Certificate, ${EMULATED}`, validMs: 7 * YEAR_MS, extensions };
  return issue(authority, subject, { surroundings, bend: bends?.pck });
}

/** The SGX extension as a certificate carries it. */
export function sgxExtension(fields: PckFields): x509.Extension {
  return new x509.Extension(SGX_EXTENSION, false, Uint8Array.from(sgxExtensionValue(fields)));
}

/** DER of a certificate. */
export function derOf({ certificate }: Certified): Uint8Array {
  return new Uint8Array(certificate.rawData);
}

/** PEM of certificates in the given order, as Intel writes chains: one after the other, each with its line end. */
export function pemOf(...chain: readonly Certified[]): string {
  return chain.map(({ certificate }) => `${certificate.toString('pem')}\n`).join('');
}

interface Subject {
  readonly name: string;
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
  const own = await generateKeys(INTEL_SIGNING.namedCurve);
  const plain: IntelCertificate = {
    subject: subject.name,
    issuer: issuer?.certificate.subject ?? subject.name,
    serial: serial(surroundings),
    validMs: [nowMs - DAY_MS, nowMs + subject.validMs],
    extensions: subject.extensions,
    namedCurve: INTEL_SIGNING.namedCurve,
    signingKey: (issuer?.keys ?? own).privateKey,
  };
  const fields = { ...plain, ...bend?.(plain) };
  const keys = fields.namedCurve === plain.namedCurve ? own : await generateKeys(fields.namedCurve);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: fields.serial,
      subject: fields.subject,
      issuer: fields.issuer,
      notBefore: new Date(fields.validMs[0]),
      notAfter: new Date(fields.validMs[1]),
      signingAlgorithm: INTEL_SIGNING,
      publicKey: keys.publicKey,
      signingKey: fields.signingKey,
      extensions: [...fields.extensions],
    },
    webcrypto,
  );
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

function generateKeys(namedCurve: string): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
}

/** A positive serial number: RFC 5280 section 4.1.2.2 wants at most 20 bytes and the top bit clear. */
function serial(surroundings: Surroundings): string {
  const bytes = surroundings.randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return toHex(bytes);
}
