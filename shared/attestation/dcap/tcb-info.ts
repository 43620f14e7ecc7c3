import { utf8 } from '../../bytes/bytes.ts';
import { decodeJson } from '../../codec/json.ts';
import { malformed } from '../malformed.ts';
import { COLLATERAL_BYTES_MAX } from './collateral-json.ts';
import { COMPONENT_NUMBERS, type TcbInfoJson, TcbInfoSchema } from './tcb-info-json.ts';
import { type ComponentLevel, componentLevels, instant, octets } from './tcb-json.ts';
import type { PLATFORM_STATUSES } from './tcb-status.ts';

/** Intel's word on the platforms of one FMSPC, whatever the version in which it came. */
export interface TcbInfo {
  readonly tee: 'SGX' | 'TDX';
  readonly version: 2 | 3;
  /** First and last second of its validity, ms since 1970. */
  readonly issuedMs: number;
  readonly nextUpdateMs: number;
  /** 6 and 2 bytes: the platforms that it is for. */
  readonly fmspc: Uint8Array;
  readonly pceId: Uint8Array;
  readonly evaluationNumber: number;
  /** As Intel lists them, best first: the first that a platform reaches is its level. Never empty. */
  readonly levels: readonly PlatformLevel[];
  /** `undefined` for SGX. */
  readonly tdx: TdxModules | undefined;
}

/** What Intel says of all platforms that reach certain versions. */
export interface PlatformLevel {
  /** 16 numbers: what each component must reach. */
  readonly sgxSvns: readonly number[];
  readonly pceSvn: number;
  /** 16 numbers for TDX, none for SGX. */
  readonly tdxSvns: readonly number[];
  readonly status: (typeof PLATFORM_STATUSES)[number];
  /** As Intel writes it: the day whose advisories the level has taken in. */
  readonly date: string;
  readonly advisories: readonly string[];
}

/** The TDX modules that Intel knows. */
export interface TdxModules {
  /** Those without an identity of their own, whose TEE_TCB_SVN[1] is zero. */
  readonly first: TdxModuleSigner;
  readonly identities: readonly TdxModuleIdentity[];
}

/** Who signed a TDX module, and which attributes it has under the mask. 48, 8 and 8 bytes. */
export interface TdxModuleSigner {
  readonly mrSigner: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
}

/** One major version of the module. */
export interface TdxModuleIdentity extends TdxModuleSigner {
  /** `TDX_` and TEE_TCB_SVN[1] in upper-case hex. */
  readonly id: string;
  readonly levels: readonly ComponentLevel[];
}

/** Parses TCB info: the very text that is signed. Throws `MalformedInput`. */
export function parseTcbInfo(text: string): TcbInfo {
  const json = decodeJson(TcbInfoSchema, utf8(text), COLLATERAL_BYTES_MAX);
  if (json === undefined) return malformed('TCB info that is not what its version says, or of no version that is read');
  return {
    tee: json.id ?? 'SGX',
    version: json.version,
    issuedMs: instant(json.issueDate),
    nextUpdateMs: instant(json.nextUpdate),
    fmspc: octets(json.fmspc),
    pceId: octets(json.pceId),
    evaluationNumber: json.tcbEvaluationDataNumber,
    levels: levelsOf(json),
    tdx: json.id === 'TDX' ? modulesOf(json) : undefined,
  };
}

function levelsOf(json: TcbInfoJson): readonly PlatformLevel[] {
  if (json.version === 2) {
    return json.tcbLevels.map((level) => {
      const sgxSvns = COMPONENT_NUMBERS.map((number) => level.tcb[`sgxtcbcomp${number}svn`]);
      return { ...ratingOf(level), sgxSvns, pceSvn: level.tcb.pcesvn, tdxSvns: [] };
    });
  }
  if (json.id === 'SGX')
    return json.tcbLevels.map((level) => ({ ...ratingOf(level), ...versionsOf(level.tcb), tdxSvns: [] }));
  return json.tcbLevels.map((level) => {
    const tdxSvns = level.tcb.tdxtcbcomponents.map(({ svn }) => svn);
    return { ...ratingOf(level), ...versionsOf(level.tcb), tdxSvns };
  });
}

type LevelJson = TcbInfoJson['tcbLevels'][number];
type Rating = Pick<PlatformLevel, 'status' | 'date' | 'advisories'>;

function ratingOf({ tcbStatus, tcbDate, advisoryIDs = [] }: LevelJson): Rating {
  return { status: tcbStatus, date: tcbDate, advisories: advisoryIDs };
}

interface SgxTcbJson {
  readonly sgxtcbcomponents: readonly { readonly svn: number }[];
  readonly pcesvn: number;
}

function versionsOf(tcb: SgxTcbJson): Pick<PlatformLevel, 'sgxSvns' | 'pceSvn'> {
  return { sgxSvns: tcb.sgxtcbcomponents.map(({ svn }) => svn), pceSvn: tcb.pcesvn };
}

type TdxJson = Extract<TcbInfoJson, { id: 'TDX' }>;

function modulesOf({ tdxModule, tdxModuleIdentities = [] }: TdxJson): TdxModules {
  const identities = tdxModuleIdentities.map((identity) => ({
    ...signerOf(identity),
    id: identity.id.toUpperCase(),
    levels: componentLevels(identity.tcbLevels),
  }));
  return { first: signerOf(tdxModule), identities };
}

function signerOf({ mrsigner, attributes, attributesMask }: TdxJson['tdxModule']): TdxModuleSigner {
  return { mrSigner: octets(mrsigner), attributes: octets(attributes), attributesMask: octets(attributesMask) };
}
