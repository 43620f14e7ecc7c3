import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseQuote, type TpmQuote } from '#shared/attestation/tpm/attest.ts';
import { encodeTpmDocument, type TpmDocument } from '#shared/attestation/tpm/document.ts';
import { type AttestationKey, parseAttestationKey } from '#shared/attestation/tpm/key.ts';
import { algorithmText, bankOf, PCR_BANK_NAMES, type PcrBank, type PcrValues } from '#shared/attestation/tpm/pcr.ts';
import { nameOf, OBJECT_BITS } from '#shared/attestation/tpm/public.ts';
import { verifyQuoteParts } from '#shared/attestation/tpm/quote.ts';
import { parseSignature, SCHEMES } from '#shared/attestation/tpm/signature.ts';
import { decodePem } from '#shared/attestation/x509/pem.ts';
import { EMPTY, equalBytes, fromHex, textOf, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { requiredFile } from './files.ts';
import type { VectorFiles, VectorPlatform } from './vector-platform.ts';

const hex = Type.String({ pattern: '^([0-9a-f]{2})*$' });
const PcrsSchema = Type.Object({
  bank: Type.String(),
  pcrs: Type.Union([Type.Array(hex), Type.Record(Type.String({ pattern: '^[0-9]{1,2}$' }), hex)]),
});

/** `pcrs.json` of a sample: one bank's registers, by index or in their order. */
export type PcrsFile = Static<typeof PcrsSchema>;

/** Samples of TPM 2.0: a quote, the registers, the key, which the sample's verdict pins, and often the event log. */
export const tpmVectors: VectorPlatform = {
  caseOf({ files, crypto }) {
    const eventLog = files.get('event-log.bin');
    const spki = akSpki(files);
    const document: TpmDocument = {
      quote: requiredFile(files, 'quote.msg'),
      signature: requiredFile(files, 'quote.sig'),
      ak: akOf(files),
      pcrs: pcrValues(readPcrs(files)),
      ...(eventLog === undefined ? {} : { eventLog }),
    };
    const anchor: Anchor = {
      kind: 'key',
      name: 'the attestation key of the sample',
      platform: 'tpm-quote',
      sha256: toHex(crypto.digest('sha256', spki)),
      emulated: false,
    };
    const evidence = { platform: 'tpm-quote', document: encodeTpmDocument(document), endorsements: [] } as const;
    return { evidence, anchors: [anchor], reference: () => ({}) };
  },
  async fieldsOf(files, crypto) {
    const parsed = attempt(() => ({
      quote: parseQuote(requiredFile(files, 'quote.msg')),
      signature: parseSignature(requiredFile(files, 'quote.sig')),
      key: parseAttestationKey(akOf(files)),
    }));
    if (parsed.kind === 'refused') return undefined;
    const { quote, signature, key } = parsed.value;
    const pcrs = readPcrs(files);
    const parts = { quote: requiredFile(files, 'quote.msg'), signature: requiredFile(files, 'quote.sig') };
    const { reasons } = await verifyQuoteParts({ ...parts, pcrs: pcrValues(pcrs) }, key, 'SIGNATURE_INVALID', crypto);
    return {
      quote: quoteFields(quote),
      signature_alg: algorithmText(SCHEMES[signature.scheme]),
      signature_hash: bankOf(signature.hash),
      ak: keyFields(key, crypto),
      signature_valid: !reasons.some(({ code }) => code === 'SIGNATURE_INVALID'),
      pcr_digest_matches: !reasons.some(({ code }) => code === 'PCR_DIGEST_MISMATCH'),
      pcrs: pcrs.pcrs,
    };
  },
};

/** A quote as the collection writes it. Our parser refuses what has bytes behind its end. */
export function quoteFields(quote: TpmQuote): object {
  return {
    magic: 'ff544347',
    type: '0x8018',
    qualified_signer: toHex(quote.qualifiedSigner),
    extra_data: toHex(quote.extraData),
    clock: Number(quote.clockMs),
    reset_count: quote.resetCount,
    restart_count: quote.restartCount,
    safe: quote.safe,
    firmware_version: `0x${quote.firmwareVersion.toString(16).padStart(16, '0')}`,
    pcr_select: quote.selections.map(({ bank, algorithm, indices }) => ({
      hash: bank ?? algorithmText(algorithm),
      pcrs: indices,
    })),
    pcr_digest: toHex(quote.pcrDigest),
    trailing: 0,
  };
}

function keyFields({ kind, bits, area }: AttestationKey, crypto: CryptoPort): object {
  const key =
    kind === 'rsa' ? { type: 'RSA', bits } : { type: 'ECC', curve: kind === 'p256' ? 'secp256r1' : 'secp384r1' };
  if (area === undefined) return key;
  const { attributes } = area.parsed;
  const isSet = (name: keyof typeof OBJECT_BITS): boolean => (attributes & OBJECT_BITS[name]) !== 0;
  return {
    ...key,
    attributes: `0x${attributes.toString(16).padStart(8, '0')}`,
    restricted: isSet('restricted'),
    sign: isSet('sign'),
    decrypt: isSet('decrypt'),
    fixedTPM: isSet('fixedTPM'),
    name: toHex(nameOf(area.parsed, area.encoded, crypto)),
  };
}

/** @throws Fault - CONFIG_INVALID when the file is missing or holds anything else */
export function readPcrs(files: VectorFiles): PcrsFile {
  const json = parsedJson(textOf(requiredFile(files, 'pcrs.json')) ?? '');
  if (Value.Check(PcrsSchema, json)) return json;
  throw new Fault('CONFIG_INVALID', 'pcrs.json does not hold the registers of one bank');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is no list of registers: the caller says so.
    return undefined;
  }
}

/** @throws Fault - CONFIG_INVALID for a bank that is not read */
export function pcrValues({ bank: name, pcrs }: PcrsFile): PcrValues {
  const bank: PcrBank | undefined = PCR_BANK_NAMES.find((known) => known === name);
  if (bank === undefined) throw new Fault('CONFIG_INVALID', 'pcrs.json is of a bank that is not read');
  const values = Object.entries(pcrs).map(([index, value]) => [Number(index), fromHex(value) ?? EMPTY] as const);
  return new Map([[bank, new Map(values)]]);
}

function akSpki(files: VectorFiles): Uint8Array {
  const pem = textOf(requiredFile(files, 'ak.pub.pem')) ?? '';
  const decoded = attempt(() => decodePem(pem, 'PUBLIC KEY', 1)[0]);
  if (decoded.kind === 'parsed') return decoded.value;
  throw new Fault('CONFIG_INVALID', 'ak.pub.pem does not hold one public key');
}

/** The key as the TPM describes it, where the sample has that, and it is the key that the verdict is about. */
function akOf(files: VectorFiles): Uint8Array {
  const spki = akSpki(files);
  const area = files.get('ak.tpmt_public');
  if (area === undefined) return spki;
  const described = attempt(() => parseAttestationKey(area));
  return described.kind === 'parsed' && !equalBytes(described.value.spki, spki) ? spki : area;
}
