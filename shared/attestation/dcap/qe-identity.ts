import { type Static, Type } from '@sinclair/typebox';
import { toHex, utf8 } from '../../bytes/bytes.ts';
import { decodeJson } from '../../codec/json.ts';
import { malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import { COLLATERAL_BYTES_MAX } from './collateral-json.ts';
import { masked } from './masked.ts';
import type { SgxReportBody } from './sgx-report.ts';
import {
  type ComponentLevel,
  ComponentLevelsSchema,
  componentLevels,
  hexOf,
  instant,
  issued,
  octets,
  u16,
} from './tcb-json.ts';

/**
 * Intel's word on the enclave that makes quotes: `QE` those of SGX, `TD_QE` those of TDX (PCS API, "QE identity"). That of
 * the enclave that verifies quotes, `QVE`, has the same format, and is of no use here.
 */
export interface QeIdentity {
  readonly id: 'QE' | 'TD_QE' | 'QVE';
  /** First and last second of its validity, ms since 1970. */
  readonly issuedMs: number;
  readonly nextUpdateMs: number;
  readonly evaluationNumber: number;
  /** 4, 4, 16, 16 and 32 bytes, in the order of a report. */
  readonly miscSelect: Uint8Array;
  readonly miscSelectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  /** As Intel lists them, best first. Never empty. */
  readonly levels: readonly ComponentLevel[];
}

const QeIdentitySchema = Type.Object({
  ...issued,
  id: Type.Union([Type.Literal('QE'), Type.Literal('TD_QE'), Type.Literal('QVE')]),
  version: Type.Literal(2),
  miscselect: hexOf(4),
  miscselectMask: hexOf(4),
  attributes: hexOf(16),
  attributesMask: hexOf(16),
  mrsigner: hexOf(32),
  isvprodid: u16,
  tcbLevels: ComponentLevelsSchema,
});

/** A QE identity of version 2 as Intel signs it. */
export type QeIdentityJson = Static<typeof QeIdentitySchema>;

/** Parses a QE identity of version 2: the very text that is signed. Throws `MalformedInput`. */
export function parseQeIdentity(text: string): QeIdentity {
  const json = decodeJson(QeIdentitySchema, utf8(text), COLLATERAL_BYTES_MAX);
  if (json === undefined) return malformed('QE identity that is not what version 2 says');
  return {
    id: json.id,
    issuedMs: instant(json.issueDate),
    nextUpdateMs: instant(json.nextUpdate),
    evaluationNumber: json.tcbEvaluationDataNumber,
    miscSelect: octets(json.miscselect),
    miscSelectMask: octets(json.miscselectMask),
    attributes: octets(json.attributes),
    attributesMask: octets(json.attributesMask),
    mrSigner: octets(json.mrsigner),
    isvProdId: json.isvprodid,
    levels: componentLevels(json.tcbLevels),
  };
}

/**
 * Whether the enclave that made a quote is the one that Intel names (EnclaveReportVerifier.cpp of Intel's library):
 * signer, product, and what its flags are under Intel's masks. All differences are listed. Its version is another
 * matter: `componentLevelOf`.
 */
export function qeIdentityReasons(report: SgxReportBody, identity: QeIdentity): readonly Reason[] {
  const compared = [
    ['MRSIGNER', toHex(report.mrSigner), toHex(identity.mrSigner)],
    ['ISVPRODID', `${report.isvProdId}`, `${identity.isvProdId}`],
    ['MISCSELECT', toHex(masked(report.miscSelect, identity.miscSelectMask)), toHex(identity.miscSelect)],
    ['ATTRIBUTES', toHex(masked(report.attributes, identity.attributesMask)), toHex(identity.attributes)],
  ] as const;
  return compared.flatMap(([name, found, wanted]) =>
    found === wanted
      ? []
      : [
          {
            code: 'QE_IDENTITY_MISMATCH',
            detail: `${name} of the quoting enclave is not what Intel names`,
            found,
            wanted,
          },
        ],
  );
}
