import { createHash, webcrypto } from 'node:crypto';
import type { SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { u16le, u32le } from '../bytes.ts';
import type { Certified } from '../certify.ts';
import { INTEL_SIGNING, type IntelPki, type IntelPkiOptions, issuePck, pemOf } from './pki.ts';
import { sgxReport } from './report.ts';
import type { PckFields } from './sgx-extension.ts';

/** A machine with a quoting enclave and a certified platform key. */
export interface QuotingMachine {
  readonly tee: 'SGX' | 'TDX';
  readonly pki: IntelPki;
  readonly platform: PckFields;
  readonly pck: Certified;
  readonly attestationKeys: webcrypto.CryptoKeyPair;
  /** What identifies its quoting enclave; the report's CPUSVN and report data are filled in. */
  readonly quotingEnclave: Partial<SgxReportBody>;
}

/** How a machine is made. What is left out is that of {@link PLAIN_PLATFORM} and {@link quotingEnclave}. */
export interface MachineOptions extends Pick<IntelPkiOptions, 'surroundings' | 'bends'> {
  readonly tee: QuotingMachine['tee'];
  readonly platform?: PckFields;
  readonly quotingEnclave?: Partial<SgxReportBody>;
}

/** A board with several processors that is on the newest TCB which the emulated collateral lists. */
export const PLAIN_PLATFORM: PckFields = {
  ppid: digest('EMULATED platform').subarray(0, 16),
  components: [7, 7, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
  cpuSvn: Uint8Array.of(7, 7, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0),
  pceId: new Uint8Array(2),
  fmspc: Uint8Array.of(0x0e, 0x0e, 0x0e, 0, 0, 0),
  sgxType: 1,
  platformInstanceId: digest('EMULATED board').subarray(0, 16),
  configuration: [true, true, true],
};

/** The identity of an emulated quoting enclave: initialised, 64-bit, with the provisioning key, as Intel's is. */
export function quotingEnclave(tee: QuotingMachine['tee']): Partial<SgxReportBody> {
  return {
    attributes: Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0),
    mrEnclave: digest(`EMULATED quoting enclave of ${tee}`),
    mrSigner: digest(`EMULATED signer of the quoting enclave of ${tee}`),
    isvProdId: tee === 'SGX' ? 1 : 2,
    isvSvn: 8,
  };
}

/** A machine under `pki`, with fresh keys. */
export async function createMachine(pki: IntelPki, options: MachineOptions): Promise<QuotingMachine> {
  const { tee, platform = PLAIN_PLATFORM } = options;
  return {
    tee,
    pki,
    platform,
    pck: await issuePck(pki, platform, options),
    attestationKeys: await webcrypto.subtle.generateKey(INTEL_SIGNING, true, ['sign', 'verify']),
    quotingEnclave: { ...quotingEnclave(tee), ...options.quotingEnclave },
  };
}

/** What a quote is made of. */
export interface QuoteContents {
  readonly version: 3 | 4 | 5;
  /** An SGX report body, or a TD report body of either version. */
  readonly report: Uint8Array;
}

/** How a test bends a quote. Every field left out is as a quoting enclave does it. */
export interface QuoteDefects {
  /** Bytes of the header by their offset, before it is signed. */
  readonly header?: Readonly<Record<number, Uint8Array>>;
  /** Type and length of the body in version 5, before it is signed. */
  readonly descriptor?: readonly [type: number, bytes: number];
  /** Alters header and body after they were signed. */
  readonly alterSigned?: Alter;
  readonly alterSignature?: Alter;
  /** Takes the place of the attestation key in the quote. */
  readonly alterAttestationKey?: Alter;
  /** Fields of the quoting enclave's report before it is signed. */
  readonly qeReport?: Partial<SgxReportBody>;
  readonly alterQeReport?: Alter;
  readonly alterQeSignature?: Alter;
  readonly qeAuthData?: Uint8Array;
  readonly alterQeAuthData?: Alter;
  /** Certification data, by default the PCK chain as PEM (type 5). */
  readonly certification?: readonly [type: number, bytes: Uint8Array];
  /** Type of the outer certification data of versions 4 and 5, by default 6. */
  readonly outerType?: number;
  readonly alterSignatureData?: Alter;
  /** The length that is declared for the signature data. */
  readonly signatureDataBytes?: number;
  /** Bytes behind the end of the quote. */
  readonly trailing?: Uint8Array;
}

type Alter = (bytes: Uint8Array) => Uint8Array;

const TEE_TYPES = { SGX: 0x00, TDX: 0x81 } as const;
const QE_VENDOR_ID = Uint8Array.from(Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex'));
/** Body types of version 5 by the length of the body. */
const BODY_TYPES: Readonly<Record<number, number>> = { 384: 1, 584: 2, 648: 3 };
const PCK_CHAIN = 5;
const QE_REPORT = 6;

/** A quote by `machine`, signed under its PCK certificate. */
export async function mintQuote(
  machine: QuotingMachine,
  contents: QuoteContents,
  defects: QuoteDefects = {},
): Promise<Uint8Array> {
  const signed = concat(headerOf(machine, contents, defects), bodyOf(contents, defects));
  const signature = await sign(machine.attestationKeys.privateKey, signed);
  const key = (defects.alterAttestationKey ?? same)(await pointOf(machine.attestationKeys.publicKey));
  const qe = await qeReportData(machine, key, defects);
  const proof = contents.version === 3 ? qe : concat(u16le(defects.outerType ?? QE_REPORT), u32le(qe.length), qe);
  const data = concat((defects.alterSignature ?? same)(signature), key, proof);
  const altered = (defects.alterSignatureData ?? same)(data);
  return concat(
    (defects.alterSigned ?? same)(signed),
    u32le(defects.signatureDataBytes ?? altered.length),
    altered,
    defects.trailing ?? EMPTY,
  );
}

/** The chain of a machine as its quotes carry it: leaf first, a zero byte behind the last line. */
export function chainOf({ pck, pki }: QuotingMachine): Uint8Array {
  return concat(utf8(pemOf(pck, pki.authority, pki.root)), Uint8Array.of(0));
}

function headerOf(
  { tee, quotingEnclave: qe, platform }: QuotingMachine,
  { version }: QuoteContents,
  { header = {} }: QuoteDefects,
) {
  const svns = version === 3 ? concat(u16le(qe.isvSvn ?? 0), u16le(platform.pceSvn)) : new Uint8Array(4);
  const bytes = concat(u16le(version), u16le(2), u32le(TEE_TYPES[tee]), svns, QE_VENDOR_ID, new Uint8Array(20));
  for (const [offset, value] of Object.entries(header)) bytes.set(value, Number(offset));
  return bytes;
}

function bodyOf({ version, report }: QuoteContents, { descriptor }: QuoteDefects): Uint8Array {
  if (version !== 5) return report;
  const [type, bytes] = descriptor ?? [BODY_TYPES[report.length] ?? 0, report.length];
  return concat(u16le(type), u32le(bytes), report);
}

/** The quoting enclave's report on the attestation key, signed by the PCK, and the certification data behind it. */
async function qeReportData(machine: QuotingMachine, key: Uint8Array, defects: QuoteDefects): Promise<Uint8Array> {
  const authData = defects.qeAuthData ?? digest('EMULATED authentication data');
  const report = sgxReport({
    cpuSvn: machine.platform.cpuSvn,
    ...machine.quotingEnclave,
    reportData: createHash('sha256').update(key).update(authData).digest(),
    ...defects.qeReport,
  });
  const signature = await sign(machine.pck.keys.privateKey, report);
  const [type, bytes] = defects.certification ?? [PCK_CHAIN, chainOf(machine)];
  const placedAuthData = (defects.alterQeAuthData ?? same)(authData);
  return concat(
    (defects.alterQeReport ?? same)(report),
    (defects.alterQeSignature ?? same)(signature),
    u16le(placedAuthData.length),
    placedAuthData,
    u16le(type),
    u32le(bytes.length),
    bytes,
  );
}

async function sign(key: webcrypto.CryptoKey, message: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.sign(INTEL_SIGNING, key, Uint8Array.from(message)));
}

/** X and Y of a public key. */
async function pointOf(key: webcrypto.CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.exportKey('raw', key)).subarray(1);
}

function digest(text: string): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(text).digest());
}

function same(bytes: Uint8Array): Uint8Array {
  return bytes;
}
