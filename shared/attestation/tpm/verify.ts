import { toHex } from '../../bytes/bytes.ts';
import type { Claims } from '../claims.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { Reason } from '../reasons.ts';
import type { EvidenceVerifier, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import type { KeyTrust } from './ak.ts';
import { keyTrust } from './ak.ts';
import type { TpmQuote } from './attest.ts';
import type { TpmDocument } from './document.ts';
import { parseTpmDocument } from './document.ts';
import { parseEventLog } from './event-log.ts';
import type { AttestationKey } from './key.ts';
import { descriptionReasons, parseAttestationKey } from './key.ts';
import { PCR_BANK_NAMES } from './pcr.ts';
import { nameOf } from './public.ts';
import type { TpmQuoteVerification } from './quote.ts';
import { verifyQuoteParts } from './quote.ts';
import { measurementsOf, registerNames } from './registers.ts';
import { replayReasons } from './replay.ts';
import { secureBootOf } from './secure-boot.ts';

/**
 * Verifies a TPM 2.0 quote with the registers that it covers, and the firmware's event log where it comes along. Whether
 * the key that signed it is in a TPM is the word of whoever pinned it or of the authority that certified it.
 */
const verifyTpmQuote: EvidenceVerifier = async ({ document: bytes, endorsements }, context) => {
  const document = attempt(() => parseTpmDocument(bytes));
  if (document.kind === 'refused') return refusedFor(document.reason);
  const { quote, signature, ak, akParent: parent, pcrs } = document.value;
  const key = attempt(() => parseAttestationKey(ak));
  if (key.kind === 'refused') return refusedFor(key.reason);
  const { trust, reasons: untrusted } = await keyTrust(key.value, endorsements, context);
  const checked = await verifyQuoteParts({ quote, signature, pcrs }, key.value, 'SIGNATURE_INVALID', context.crypto);
  const log = followLog(document.value, context);
  const reasons = [...untrusted, ...checked.reasons, ...log.reasons];
  if (checked.quote !== undefined && checked.signature !== undefined) {
    const described = { quote: checked.quote, signature: checked.signature, parent };
    reasons.push(...descriptionReasons(key.value, described, context.crypto));
  }
  if (trust === undefined || checked.quote === undefined) return refusedFor(...reasons);
  const claims = claimsOf({ document: document.value, key: key.value, trust, quote: checked.quote, log }, context);
  return reasons.length === 0 ? { kind: 'verified', claims } : { kind: 'refused', reasons, claims };
};

/** What an event log was found to lead to. */
interface FollowedLog {
  readonly reasons: readonly Reason[];
  /** `undefined` where no log came. */
  readonly events: number | undefined;
  readonly secureBoot: boolean | undefined;
}

function followLog({ eventLog, pcrs }: TpmDocument, { crypto }: VerificationContext): FollowedLog {
  if (eventLog === undefined) return { reasons: [], events: undefined, secureBoot: undefined };
  const followed = attempt(() => {
    const log = parseEventLog(eventLog);
    return { log, reasons: replayReasons(log, pcrs, crypto) };
  });
  if (followed.kind === 'refused') return { reasons: [followed.reason], events: undefined, secureBoot: undefined };
  const { log, reasons } = followed.value;
  const bank = PCR_BANK_NAMES.findLast((name) => pcrs.get(name)?.has(7) === true);
  // The SHA-1 bank proves nothing: two values with one digest can be made.
  const provesBoot = reasons.length === 0 && bank !== undefined && bank !== 'sha1';
  return { reasons, events: log.events.length, secureBoot: provesBoot ? secureBootOf(log, bank, crypto) : undefined };
}

interface Verified {
  readonly document: TpmDocument;
  readonly key: AttestationKey;
  readonly trust: KeyTrust;
  readonly quote: NonNullable<TpmQuoteVerification['quote']>;
  readonly log: FollowedLog;
}

function claimsOf({ document, key, trust, quote, log }: Verified, { crypto }: VerificationContext): Claims {
  const { anchor, validFromMs, validUntilMs, concerns, chain } = trust;
  const { area } = key;
  return {
    platform: 'tpm-quote',
    measurements: measurementsOf(document.pcrs),
    debug: false,
    attributes: {
      firmware_version: firmwareText(quote),
      event_log: log.events !== undefined && log.reasons.length === 0,
      ...(log.secureBoot === undefined ? {} : { secure_boot: log.secureBoot }),
    },
    levels: { firmware: firmwareLevel(quote) },
    tcb: undefined,
    concerns,
    reportData: quote.extraData,
    nonce: quote.extraData,
    issuedAtMs: undefined,
    validFromMs,
    validUntilMs,
    root: { name: anchor.name, platform: 'tpm-quote', sha256: anchor.sha256, emulated: anchor.emulated },
    checks: [...CHECKS, anchor.kind === 'key' ? PINNED : CERTIFIED, ...(log.events === undefined ? [] : [REPLAYED])],
    details: {
      akSha256: toHex(crypto.digest('sha256', key.spki)),
      ...(area === undefined ? {} : { akName: toHex(nameOf(area.parsed, area.encoded, crypto)) }),
      ...(chain === '' ? {} : { chain }),
      qualifiedSigner: toHex(quote.qualifiedSigner),
      clockMs: `${quote.clockMs}`,
      resetCount: `${quote.resetCount}`,
      restartCount: `${quote.restartCount}`,
      clockSafe: `${quote.safe}`,
      ...(log.events === undefined ? {} : { events: `${log.events}` }),
    },
  };
}

const CHECKS = [
  'the quote is one that a TPM generated, signed by the attestation key',
  'the registers shown are those that the quote selects, and have the digest in it',
  'a TPM has no debug mode to look for',
];
const PINNED = 'the attestation key is pinned';
const CERTIFIED =
  'certificates from the attestation key up to the pinned authority: signatures, names, validity, usages, revocation lists';
const REPLAYED = 'the event log leads to the quoted registers that it measures into';

/** The firmware's version, 16 digits of hex, its more significant half first. */
function firmwareText({ firmwareVersion }: TpmQuote): string {
  return firmwareVersion.toString(16).padStart(16, '0');
}

/** The more significant half of the version (TPM_PT_FIRMWARE_VERSION_1), which vendors count upwards. */
function firmwareLevel({ firmwareVersion }: TpmQuote): number {
  return Number(firmwareVersion >> 32n);
}

/**
 * Registers that say what was started: firmware, boot loader, Secure Boot, kernel, integrity measurement. Not 16 and 23,
 * which any program may reset and fill anew (TCG PC Client Platform TPM Profile, table of PCR attributes).
 */
const IDENTIFYING = [0, 4, 7, 8, 9, 10, 11, 14];

/** A quote of a TPM 2.0, by an attestation key that a policy pins or whose authority it names. */
export const tpmQuote: PlatformVerifier = {
  title: 'TPM 2.0',
  verify: verifyTpmQuote,
  anchors: [],
  vocabulary: {
    measurements: { ...registerNames('sha256'), ...registerNames('sha384'), ...registerNames('sha1') },
    attributes: {
      firmware_version: { type: 'text' },
      secure_boot: { type: 'boolean' },
      event_log: { type: 'boolean' },
    },
    openAttributes: false,
    levels: ['firmware'],
    // Not by the SHA-1 bank: other code with the same digest can be made.
    identifiedBy: [
      ...IDENTIFYING.map((index) => [`PCR${index}`]),
      ...IDENTIFYING.map((index) => [`SHA384_PCR${index}`]),
    ],
    // Firmware, its options, boot loader and Secure Boot (TCG PC Client Platform Firmware Profile, section 3.3.4).
    usual: ['PCR0', 'PCR2', 'PCR4', 'PCR7'],
  },
  reportDataBytes: 32,
  unprotected: 'a TPM measures what a machine starts, whose memory stays open to whoever runs it',
};
