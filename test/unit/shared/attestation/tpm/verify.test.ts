import { expect } from 'chai';
import { selections } from '#infra/emulator/tpm/quote.ts';
import { PLATFORM_VERIFIERS } from '#shared/attestation/platforms.ts';
import { encodeTpmDocument } from '#shared/attestation/tpm/document.ts';
import type { PcrBank } from '#shared/attestation/tpm/pcr.ts';
import { concat, EMPTY, toHex } from '#shared/bytes/bytes.ts';
import {
  type Bent,
  bootedMachine,
  codesOf,
  flipped,
  type Machine,
  NONCE,
  partsOf,
  pinOf,
  SELECTION,
  verifyDocument,
  verifyParts,
} from './machine.ts';

const machine = bootedMachine();
const pinned = [pinOf(machine)];
const rsa = bootedMachine({ kind: 'rsa' });
const rsaPinned = [pinOf(rsa)];

const refusal = async (bent: Bent, on: Machine = machine): Promise<readonly string[]> =>
  codesOf(await verifyParts(partsOf(on, bent), [pinOf(on)]));

describe('TPM quote verifier', () => {
  it('proves registers, nonce and firmware of a quote by a pinned key', async () => {
    const result = await verifyParts(partsOf(machine), pinned);
    expect(result.kind === 'refused' ? result.reasons : []).to.deep.equal([]);
    const { claims } = result;
    expect(claims?.measurements['PCR7']).to.equal(toHex(machine.registers.read('sha256', 7)));
    expect(Object.keys(claims?.measurements ?? {})).to.have.length(11);
    expect([claims?.reportData, claims?.nonce]).to.deep.equal([NONCE, NONCE]);
    expect(claims?.attributes).to.deep.equal({
      firmware_version: '0007000200000001',
      event_log: true,
      secure_boot: true,
    });
    expect(claims?.levels).to.deep.equal({ firmware: 0x00070002 });
    expect([claims?.debug, claims?.issuedAtMs, claims?.validFromMs]).to.deep.equal([false, undefined, 0]);
    expect(claims?.root).to.deep.equal({
      name: 'enrolled',
      platform: 'tpm-quote',
      sha256: pinned[0]?.sha256,
      emulated: false,
    });
    expect(claims?.details).to.include({ resetCount: '4', clockSafe: 'true' });
    expect(claims?.checks.join()).to.contain('no debug mode');
  });

  it('takes every kind of key, its own description or the bare key, and a child of another key', async () => {
    for (const kind of ['rsa', 'p256', 'p384'] as const) {
      const each = bootedMachine({ kind });
      const anchors = [pinOf(each)];
      expect((await verifyParts(partsOf(each), anchors)).kind).to.equal('verified');
      expect((await verifyParts(partsOf(each, { parts: { ak: each.ak.spki } }), anchors)).kind).to.equal('verified');
    }
    const akParent = concat(Uint8Array.of(0, 0x0b), new Uint8Array(32).fill(3));
    const child = bootedMachine({ parent: akParent });
    expect((await verifyParts(partsOf(child, { parts: { akParent } }), [pinOf(child)])).kind).to.equal('verified');
  });

  it('takes a signature over SHA-384, and registers of several banks', async () => {
    const selection = new Map<PcrBank, readonly number[]>([
      ['sha1', [0, 7]],
      ['sha256', [0, 7]],
      ['sha384', [0, 7]],
    ]);
    const hash = { name: 'sha384', algorithm: 0x000c };
    const strong = bootedMachine({ kind: 'p384', schemeHash: 0x000c });
    const result = await verifyParts(partsOf(strong, { hash, request: { selection } }), [pinOf(strong)]);
    expect(result.kind).to.equal('verified');
    const measurements = result.claims?.measurements ?? {};
    expect(Object.keys(measurements)).to.have.members([
      'SHA1_PCR0',
      'SHA1_PCR7',
      'PCR0',
      'PCR7',
      'SHA384_PCR0',
      'SHA384_PCR7',
    ]);
    expect(measurements['SHA1_PCR7']).to.have.length(40);
    expect(measurements['SHA384_PCR7']).to.have.length(96);
  });

  it('does not need an event log, and claims nothing that only a log shows', async () => {
    const { eventLog: _, ...parts } = partsOf(machine);
    const result = await verifyParts(parts, pinned);
    expect(result.kind).to.equal('verified');
    expect(result.claims?.attributes).to.deep.equal({ firmware_version: '0007000200000001', event_log: false });
  });

  it('takes R or S without its leading zeros', async () => {
    const short = await shortened(machine);
    expect(codesOf(await verifyParts(short, pinned))).to.deep.equal([]);
  });

  it('refuses a key that nobody pinned', async () => {
    const result = await verifyParts(partsOf(machine), rsaPinned);
    expect(codesOf(result)).to.deep.equal(['KEY_UNKNOWN']);
    expect(result.claims).to.equal(undefined);
  });

  it('takes no pin of another kind or platform for that of a key', async () => {
    const [pin] = pinned;
    if (pin === undefined) throw new Error('no pin');
    for (const other of [{ kind: 'certificate' }, { platform: 'azure-cvm' }] as const) {
      expect(codesOf(await verifyParts(partsOf(machine), [{ ...pin, ...other }]))).to.deep.equal(['KEY_UNKNOWN']);
    }
  });

  it('refuses a quote that was altered after it was signed, wherever', async () => {
    const { quote } = partsOf(machine);
    for (let offset = 0; offset < quote.length; offset += 1) {
      const codes = await refusal({ alterQuote: (bytes) => flipped(bytes, offset) });
      expect(codes, `byte ${offset}`).to.include('SIGNATURE_INVALID');
    }
  });

  it('refuses an altered signature, and says so with the claims', async () => {
    const result = await verifyParts(partsOf(rsa, { alterSignature: (bytes) => flipped(bytes, 100) }), rsaPinned);
    expect(codesOf(result)).to.deep.equal(['SIGNATURE_INVALID']);
    expect(result.claims?.nonce).to.deep.equal(NONCE);
    expect(await refusal({ alterSignature: (bytes) => flipped(bytes, 70) })).to.deep.equal(['SIGNATURE_INVALID']);
    const longer = (bytes: Uint8Array): Uint8Array => {
      const r = bytes.subarray(6, 38);
      return concat(bytes.subarray(0, 4), Uint8Array.of(0, 33, 0), r, bytes.subarray(38));
    };
    expect(await refusal({ alterSignature: longer })).to.deep.equal(['SIGNATURE_INVALID']);
  });

  it('refuses a scheme that is not read, and one that is not for the key', async () => {
    const pss = (bytes: Uint8Array): Uint8Array => concat(Uint8Array.of(0x00, 0x16), bytes.subarray(2));
    expect(await refusal({ alterSignature: pss }, rsa)).to.deep.equal(['MALFORMED']);
    for (const [on, other] of [
      [machine, rsa],
      [rsa, machine],
    ] as const) {
      const { signature } = partsOf(other);
      const codes = await refusal({ alterSignature: () => signature }, on);
      expect(codes).to.deep.equal(['ALG_NOT_ALLOWED', 'SIGNING_KEY_KIND_MISMATCH']);
    }
  });

  it('refuses SHA-1 and SHA-512 under a signature', async () => {
    for (const hash of [
      { name: 'sha1', algorithm: 0x0004 },
      { name: 'sha512', algorithm: 0x000d },
    ]) {
      const weak = bootedMachine({ kind: 'rsa', schemeHash: hash.algorithm });
      expect(await refusal({ hash }, weak), hash.name).to.deep.equal(['ALG_NOT_ALLOWED']);
    }
  });

  it('refuses a signed structure that is no quote', async () => {
    expect(await refusal({ magic: 0xff544348 })).to.deep.equal(['MALFORMED']);
    expect(await refusal({ type: 0x8017 })).to.deep.equal(['MALFORMED']);
    expect(await refusal({ rewriteQuote: (quote) => concat(quote, Uint8Array.of(0)) })).to.deep.equal(['MALFORMED']);
    expect(await refusal({ rewriteQuote: (quote) => quote.subarray(0, -1) })).to.deep.equal(['MALFORMED']);
  });

  it('refuses registers other than those quoted', async () => {
    const altered = new Map(machine.registers.values(SELECTION).get('sha256'));
    altered.set(4, new Uint8Array(32));
    const without = new Map([...altered].filter(([index]) => index !== 4));
    const besides = new Map([...altered, [9, new Uint8Array(32)]]);
    const { eventLog: _, ...parts } = partsOf(machine);
    for (const registers of [altered, without, besides]) {
      const pcrs = new Map([['sha256' as const, registers]]);
      expect(codesOf(await verifyParts({ ...parts, pcrs }, pinned))).to.deep.equal(['PCR_DIGEST_MISMATCH']);
    }
    expect(await refusal({ pcrDigest: new Uint8Array(32) })).to.deep.equal(['PCR_DIGEST_MISMATCH']);
  });

  it('refuses a quote of a bank that is not read', async () => {
    const sha512 = concat(Uint8Array.of(0, 0, 0, 1, 0, 0x0d, 3, 1, 0, 0));
    expect(await refusal({ selections: sha512 })).to.deep.equal(['PCR_DIGEST_MISMATCH']);
    // A bank of which the quote selects nothing changes nothing.
    const none = selections(SELECTION);
    none[3] = 2;
    const extended = concat(none, Uint8Array.of(0, 0x0d, 3, 0, 0, 0));
    expect(await refusal({ selections: extended })).to.deep.equal([]);
  });

  it('refuses a key that may sign what its TPM did not make', async () => {
    const attributes = 0x00050072;
    for (const bit of [1, 4, 5, 16, 18]) {
      const loose = bootedMachine({ attributes: attributes & ~(1 << bit) });
      expect(await refusal({}, loose), `bit ${bit}`).to.deep.equal(['CHAIN_INVALID']);
    }
    expect(await refusal({}, bootedMachine({ attributes: attributes | (1 << 17) }))).to.deep.equal(['CHAIN_INVALID']);
  });

  it('refuses a description of another key than the one that the quote names', async () => {
    const qualifiedSigner = flipped(machine.ak.qualifiedName, 20);
    expect(await refusal({ qualifiedSigner })).to.deep.equal(['SIGNATURE_INVALID']);
    const akParent = concat(Uint8Array.of(0, 0x0b), new Uint8Array(32).fill(3));
    expect(await refusal({ parts: { akParent } })).to.deep.equal(['SIGNATURE_INVALID']);
    // Any flipped bit of the description is one of another key, unless it cannot be read at all.
    for (let offset = 0; offset < machine.ak.area.length; offset += 1) {
      const codes = await refusal({ parts: { ak: flipped(machine.ak.area, offset) } });
      expect(codes.length, `byte ${offset}`).to.be.greaterThan(0);
    }
  });

  it('refuses an event log that leads elsewhere', async () => {
    const other = partsOf(bootedMachine({ secureBoot: false })).eventLog ?? EMPTY;
    const result = await verifyParts({ ...partsOf(machine), eventLog: other }, pinned);
    expect(codesOf(result)).to.deep.equal(['EVENT_LOG_MISMATCH']);
    expect(result.kind === 'refused' && result.reasons[0]).to.include({
      wanted: toHex(machine.registers.read('sha256', 7)),
    });
    expect(result.claims?.attributes).to.deep.equal({ firmware_version: '0007000200000001', event_log: false });
  });

  it('refuses an event log that cannot be read', async () => {
    expect(await refusal({ parts: { eventLog: Uint8Array.of(1) } })).to.deep.equal(['MALFORMED']);
  });

  it('refuses what is no document, no key, or more than a quote needs', async () => {
    const document = encodeTpmDocument(partsOf(machine));
    expect(codesOf(await verifyDocument(Uint8Array.of(0xa0), pinned))).to.deep.equal(['MALFORMED']);
    expect(codesOf(await verifyDocument(concat(document, EMPTY, Uint8Array.of(0)), pinned))).to.deep.equal([
      'TRAILING_DATA',
    ]);
    expect(await refusal({ parts: { ak: Uint8Array.of(0x30, 0x00) } })).to.deep.equal(['MALFORMED']);
    const jwks = { kind: 'jwk-set', bytes: EMPTY } as const;
    expect(codesOf(await verifyDocument(document, pinned, [jwks]))).to.deep.equal(['MALFORMED']);
  });

  it('lists everything that is wrong at once', async () => {
    const { eventLog = EMPTY } = partsOf(bootedMachine({ secureBoot: false }));
    const parts = partsOf(machine, {
      type: 0x8017,
      alterSignature: (bytes) => flipped(bytes, 60),
      parts: { eventLog },
    });
    expect(codesOf(await verifyParts(parts, []))).to.deep.equal([
      'KEY_UNKNOWN',
      'SIGNATURE_INVALID',
      'MALFORMED',
      'EVENT_LOG_MISMATCH',
    ]);
  });

  it('lets no policy single out code by SHA-1 registers', () => {
    const { vocabulary, reportDataBytes } = PLATFORM_VERIFIERS['tpm-quote'];
    expect(vocabulary.identifiedBy.flat().some((name) => name.startsWith('SHA1'))).to.equal(false);
    expect(vocabulary.measurements).to.include({ PCR0: 32, SHA1_PCR23: 20, SHA384_PCR9: 48 });
    expect(reportDataBytes).to.equal(32);
  });
});

/** A quote whose signature begins with zeros, written without them: quotes are made until there is one. */
async function shortened(on: Machine) {
  for (let count = 0; count < 4096; count += 1) {
    const parts = partsOf(on, { request: { extraData: Uint8Array.of(count >> 8, count & 0xff) } });
    const r = parts.signature.subarray(6, 38);
    if (r[0] !== 0) continue;
    const head = parts.signature.subarray(0, 4);
    return { ...parts, signature: concat(head, Uint8Array.of(0, 31), r.subarray(1), parts.signature.subarray(38)) };
  }
  throw new Error('no R with a leading zero in 4096 signatures');
}
