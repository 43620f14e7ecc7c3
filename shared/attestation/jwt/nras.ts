import { EMPTY, fromHex, utf8 } from '../../bytes/bytes.ts';
import type { JsonObject } from '../json.ts';
import { booleanOfMember, memberOf, textOfMember, textsOfMember } from '../json.ts';
import type { PlatformVerifier, PolicyVocabulary } from '../platform.ts';
import { attributesOf } from './attributes.ts';
import { leavesDebugging } from './dbgstat.ts';
import { issuerMustBe } from './issuer.ts';
import type { TokenClaims } from './token.ts';
import { tokenVerifier } from './token.ts';

const ISSUER = 'https://nras.attestation.nvidia.com';

const VOCABULARY: PolicyVocabulary = {
  measurements: {},
  attributes: {
    /** NVIDIA's verdict on all devices of the request: report, chain, revocation, reference measurements. */
    overall_result: { type: 'boolean', otherwise: true },
    sub: { type: 'text' },
    claims_version: { type: 'text' },
  },
  openAttributes: true,
  levels: [],
  // The service compares measurements with NVIDIA's own; its verdict is all that there is to name.
  identifiedBy: [['overall_result']],
};

/** A nonce as the service echoes it. */
const NONCE = /^[0-9A-Fa-f]{64}$/;

/** Reads the overall claims of NVIDIA's "GPU claims" and "nvSwitch claims", version 2 and 3. */
function readClaims(payload: JsonObject): TokenClaims {
  const [nonce = ''] = textsOfMember(payload, 'eat_nonce');
  return {
    measurements: {},
    // The overall token need not speak of debugging: a device in debug mode has other measurements and fails.
    debug: leavesDebugging(memberOf(payload, 'dbgstat')),
    attributes: attributesOf(payload, VOCABULARY, {
      overall_result: booleanOfMember(payload, 'x-nvidia-overall-att-result'),
      sub: textOfMember(payload, 'sub'),
      claims_version: textOfMember(payload, 'x-nvidia-ver'),
    }),
    levels: {},
    tcb: undefined,
    reportData: (NONCE.test(nonce) ? fromHex(nonce) : undefined) ?? EMPTY,
    nonce: utf8(nonce),
  };
}

/**
 * NVIDIA Remote Attestation Service: the overall token, ES384 by a pinned key. Report data are the nonce that the GPU
 * was asked with, 32 bytes. Tokens of single devices are named by their digests among the claims and not read.
 */
export const nvidiaNras: PlatformVerifier = {
  title: 'NVIDIA Remote Attestation Service',
  verify: tokenVerifier({
    platform: 'nvidia-nras',
    algorithms: ['ES384'],
    chains: 'none',
    expiry: 'required',
    issuerReasons: issuerMustBe(ISSUER),
    read: readClaims,
  }),
  anchors: [],
  vocabulary: VOCABULARY,
  reportDataBytes: 32,
  unprotected: 'it is about a GPU, and the memory of the machine around it stays open',
};
