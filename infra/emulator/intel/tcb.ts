import type { QeIdentityJson } from '#shared/attestation/dcap/qe-identity.ts';
import type { TcbInfoJson } from '#shared/attestation/dcap/tcb-info-json.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { PLAIN_PLATFORM, type QuotingMachine, quotingEnclave } from './quote.ts';

/** What TCB info and QE identity say of themselves. */
export interface Issued {
  /** When they are issued and when their successors are due; milliseconds since 1970. */
  readonly validMs: readonly [issued: number, nextUpdate: number];
  readonly evaluationNumber: number;
}

/** TCB info of version 3, as it is signed. */
export type Sgx3Json = Extract<TcbInfoJson, { version: 3; id: 'SGX' }>;
export type Tdx3Json = Extract<TcbInfoJson, { version: 3; id: 'TDX' }>;

/** What a module that Intel signed has: the masks leave nothing open. */
const MODULE_SIGNER = { mrsigner: '0'.repeat(96), attributes: '0'.repeat(16), attributesMask: 'F'.repeat(16) };
const UP_TO_DATE = { tcbDate: '2025-05-14T00:00:00Z', tcbStatus: 'UpToDate' } as const;
const OUT_OF_DATE = { tcbDate: '2023-02-15T00:00:00Z', tcbStatus: 'OutOfDate' } as const;
const ADVISORIES = { platform: ['INTEL-SA-00837'], module: ['INTEL-SA-01036'], enclave: ['INTEL-SA-00615'] };

/** TEE_TCB_SVN of the newest level that the TCB info lists: version 5 of the module TDX_01, microcode 2. */
export const PLAIN_TEE_TCB_SVN = Uint8Array.of(5, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** TCB info of version 2: {@link PLAIN_PLATFORM} is up to date, one microcode below it is out of date. */
export function sgxTcbInfo2(issued: Issued) {
  const outdated = { tcb: sgxTcb2(1), ...OUT_OF_DATE, advisoryIDs: ADVISORIES.platform };
  return { version: 2 as const, ...platform(issued), tcbLevels: [{ tcb: sgxTcb2(0), ...UP_TO_DATE }, outdated] };
}

/** The same of version 3. */
export function sgxTcbInfo(issued: Issued): Sgx3Json {
  const outdated = { tcb: sgxTcb(1), ...OUT_OF_DATE, advisoryIDs: ADVISORIES.platform };
  return {
    id: 'SGX',
    version: 3,
    ...platform(issued),
    tcbLevels: [{ tcb: sgxTcb(0), ...UP_TO_DATE }, outdated],
  };
}

/** The same for TDX, with the modules before TDX_01, TDX_01 and TDX_03. */
export function tdxTcbInfo(issued: Issued): Tdx3Json {
  const outdated = { tcb: tdxTcb(1), ...OUT_OF_DATE, advisoryIDs: ADVISORIES.platform };
  return {
    id: 'TDX',
    version: 3,
    ...platform(issued),
    tdxModule: MODULE_SIGNER,
    tdxModuleIdentities: [
      { id: 'TDX_03', ...MODULE_SIGNER, tcbLevels: [{ tcb: { isvsvn: 3 }, ...UP_TO_DATE }] },
      {
        id: 'TDX_01',
        ...MODULE_SIGNER,
        tcbLevels: [
          { tcb: { isvsvn: 5 }, ...UP_TO_DATE },
          { tcb: { isvsvn: 2 }, ...OUT_OF_DATE, advisoryIDs: ADVISORIES.module },
        ],
      },
    ],
    tcbLevels: [{ tcb: tdxTcb(0), ...UP_TO_DATE }, outdated],
  };
}

/** The identity of the emulated quoting enclave of `tee`: as it is made it is up to date, two versions below it not. */
export function qeIdentity(tee: QuotingMachine['tee'], issued: Issued): QeIdentityJson {
  const { mrSigner, isvProdId = 0, isvSvn = 0 } = quotingEnclave(tee);
  return {
    id: tee === 'SGX' ? 'QE' : 'TD_QE',
    version: 2,
    ...dates(issued),
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: toHex(mrSigner ?? new Uint8Array(32)).toUpperCase(),
    isvprodid: isvProdId,
    tcbLevels: [
      { tcb: { isvsvn: isvSvn }, ...UP_TO_DATE },
      { tcb: { isvsvn: isvSvn - 2 }, ...OUT_OF_DATE, advisoryIDs: ADVISORIES.enclave },
    ],
  };
}

function dates({ validMs: [issued, nextUpdate], evaluationNumber }: Issued) {
  return {
    issueDate: timeText(issued),
    nextUpdate: timeText(nextUpdate),
    tcbEvaluationDataNumber: evaluationNumber,
  };
}

function platform(issued: Issued) {
  const { fmspc, pceId } = PLAIN_PLATFORM;
  return { ...dates(issued), fmspc: toHex(fmspc), pceId: toHex(pceId), tcbType: 0 } as const;
}

/** The components of the plain platform, the first of them `below` lower. */
function components(below: number) {
  return PLAIN_PLATFORM.components.map((svn, index) => ({ svn: index === 0 ? svn - below : svn }));
}

function sgxTcb2(below: number) {
  const named = Object.fromEntries(
    components(below).map(({ svn }, index) => [`sgxtcbcomp${`${index + 1}`.padStart(2, '0')}svn`, svn]),
  );
  return { ...named, pcesvn: PLAIN_PLATFORM.pceSvn };
}

function sgxTcb(below: number) {
  return { sgxtcbcomponents: components(below), pcesvn: PLAIN_PLATFORM.pceSvn };
}

/** Intel writes the newest module at index 0 and nothing at index 1: neither counts for a module with an identity. */
function tdxTcb(below: number) {
  const tdxtcbcomponents = [...PLAIN_TEE_TCB_SVN].map((svn, index) => ({ svn: index === 1 ? 0 : svn }));
  return { ...sgxTcb(below), tdxtcbcomponents };
}
