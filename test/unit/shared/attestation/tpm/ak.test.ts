import { expect } from 'chai';
import { type CertificateFields, extension } from '#infra/emulator/certificate.ts';
import { bitString, oid, sequence } from '#infra/emulator/der.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { EMPTY, fromHex, toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import {
  authority,
  type Keys,
  mintCertificate,
  NO_AUTHORITY,
  named,
  newKeys,
  plainFields,
  SIGNER_USAGE,
} from '#test/fakes/tee/certificates.ts';
import { mintCrl, plainCrl } from '#test/fakes/tee/crl.ts';
import { AT_MS, bootedMachine, codesOf, KEYS, partsOf, verifyParts } from './machine.ts';

const DAY_MS = 86_400_000;
/** digitalSignature, keyCertSign and cRLSign. */
const AUTHORITY_USAGE = extension('2.5.29.15', true, bitString(1, 0x86));
const EKU = '2.5.29.37';
const AK_USAGE = extension(EKU, true, sequence(oid('1.3.6.1.4.1.311.10.3.12'), oid('2.23.133.8.3')));
const EK_USAGE = extension(EKU, false, sequence(oid('2.23.133.8.1')));
/** An empty subjectAltName, as TPM certificates mark it when their subject is empty. */
const CRITICAL_NAMES = extension('2.5.29.17', true, sequence());

const machine = bootedMachine();
const keys = { root: newKeys(), middle: newKeys(), rsa: KEYS.rsa };

interface Chain {
  readonly root?: Partial<CertificateFields>;
  readonly middle?: Partial<CertificateFields>;
  readonly leaf?: Partial<CertificateFields>;
}

/** Root, intermediate and a certificate for the machine's key. */
function chainOf(bends: Chain = {}, signers: Partial<Record<'root' | 'middle' | 'leaf', Keys>> = {}) {
  const fields = (name: string, issuer: string, own: Keys, extensions: readonly Uint8Array[]): CertificateFields => ({
    ...plainFields(name, issuer, own, AT_MS),
    extensions,
  });
  const root = fields('AK root', 'AK root', keys.root, [authority(), AUTHORITY_USAGE]);
  const middle = fields('AK middle', 'AK root', keys.middle, [authority(0), AUTHORITY_USAGE]);
  const leaf = fields('AK', 'AK middle', KEYS.p256, [NO_AUTHORITY, SIGNER_USAGE, AK_USAGE, CRITICAL_NAMES]);
  return {
    root: mintCertificate({ ...root, ...bends.root }, signers.root ?? keys.root),
    middle: mintCertificate({ ...middle, ...bends.middle }, signers.middle ?? keys.root),
    leaf: mintCertificate({ ...leaf, ...bends.leaf }, signers.leaf ?? keys.middle),
  };
}

function certificates(...ders: readonly Uint8Array[]): readonly Endorsement[] {
  return ders.map((bytes) => ({ kind: 'certificate', bytes }));
}

function lists(...ders: readonly Uint8Array[]): readonly Endorsement[] {
  return ders.map((bytes) => ({ kind: 'crl', bytes }));
}

function pin(der: Uint8Array): Anchor {
  const sha256 = toHex(nodeCrypto.digest('sha256', der));
  return { kind: 'certificate', name: 'AK authority', platform: 'tpm-quote', sha256, emulated: true };
}

const plain = chainOf();
const current = lists(
  mintCrl(plainCrl('AK root', AT_MS), keys.root),
  mintCrl(plainCrl('AK middle', AT_MS), keys.middle),
);

const verify = (endorsements: readonly Endorsement[], anchors: readonly Anchor[] = [pin(plain.root)], atMs = AT_MS) =>
  verifyParts(partsOf(machine), anchors, endorsements, atMs);
const codes = async (bends: Chain, signers: Parameters<typeof chainOf>[1] = {}): Promise<readonly string[]> => {
  const { root, middle, leaf } = chainOf(bends, signers);
  return codesOf(await verify([...certificates(leaf, middle, root), ...current], [pin(root)]));
};

describe('TPM attestation key under an authority', () => {
  it('is trusted by a chain to a pinned root, whatever the order of its certificates', async () => {
    const { root, middle, leaf } = plain;
    for (const order of [
      [leaf, middle, root],
      [root, leaf, middle],
    ]) {
      const result = await verify([...current, ...certificates(...order)]);
      expect(result.kind === 'refused' ? result.reasons : []).to.deep.equal([]);
      const { claims } = result;
      expect(claims?.root).to.deep.include({ name: 'AK authority', emulated: true });
      expect([claims?.validFromMs, claims?.validUntilMs]).to.deep.equal([AT_MS - DAY_MS / 2, AT_MS + DAY_MS / 2]);
      expect(claims?.details['chain']).to.equal('CN=AK root > CN=AK middle > CN=AK');
      expect(claims?.concerns).to.deep.equal([]);
      expect(claims?.checks.join()).to.contain('revocation lists');
    }
  });

  it('is trusted under a pinned intermediate, without what is above it', async () => {
    const { root, middle, leaf } = plain;
    const result = await verify([...certificates(leaf, middle, root), ...current], [pin(middle)]);
    expect(result.claims?.details['chain']).to.equal('CN=AK middle > CN=AK');
    expect(result.kind).to.equal('verified');
    const alone = await verify(certificates(leaf), [pin(leaf)]);
    expect([alone.kind, alone.claims?.concerns]).to.deep.equal(['verified', []]);
  });

  it('is trusted under RSA authorities that sign with SHA-256, SHA-384 and SHA-512', async () => {
    for (const [hash, arc] of [
      ['sha256', 11],
      ['sha384', 12],
      ['sha512', 13],
    ] as const) {
      const algorithm = sequence(oid(`1.2.840.113549.1.1.${arc}`), Uint8Array.of(5, 0));
      const { spki } = plainFields('', '', keys.rsa, AT_MS);
      const own = plainCrl('AK middle', AT_MS);
      const { root, middle, leaf } = chainOf({ middle: { spki }, leaf: { algorithm, hash } }, { leaf: keys.rsa });
      const [ofRoot] = current;
      const ofMiddle = lists(mintCrl({ ...own, algorithm, hash }, keys.rsa));
      const given = [...certificates(leaf, middle, root), ...(ofRoot === undefined ? [] : [ofRoot]), ...ofMiddle];
      expect(codesOf(await verify(given, [pin(root)])), hash).to.deep.equal([]);
    }
  });

  it('says which authority no revocation list came of', async () => {
    const { root, middle, leaf } = plain;
    const result = await verify(certificates(leaf, middle, root));
    expect(result.kind).to.equal('verified');
    expect(result.claims?.concerns).to.deep.equal([
      { code: 'CRL_MISSING', detail: 'no revocation list came of CN=AK root' },
      { code: 'CRL_MISSING', detail: 'no revocation list came of CN=AK middle' },
    ]);
  });

  it("says which list is out of date, and refuses one that is early or not its authority's", async () => {
    const { root, middle, leaf } = plain;
    const given = (list: Uint8Array): readonly Endorsement[] => [...certificates(leaf, middle, root), ...lists(list)];
    const stale = await verify(given(mintCrl(plainCrl('AK middle', AT_MS - DAY_MS), keys.middle)));
    expect(stale.claims?.concerns.map(({ code }) => code)).to.deep.equal(['CRL_MISSING', 'CRL_EXPIRED']);
    const early = mintCrl(plainCrl('AK middle', AT_MS + DAY_MS), keys.middle);
    expect(codesOf(await verify(given(early)))).to.deep.equal(['CRL_NOT_YET_VALID']);
    expect(codesOf(await verify(given(mintCrl(plainCrl('AK middle', AT_MS), keys.root))))).to.deep.equal([
      'CRL_INVALID',
    ]);
    expect(codesOf(await verify(given(Uint8Array.of(1))))).to.deep.equal(['CRL_INVALID']);
  });

  it('is refused when its certificate, or an authority, is revoked', async () => {
    const { root, middle, leaf } = plain;
    for (const list of [
      mintCrl(plainCrl('AK middle', AT_MS, ['01']), keys.middle),
      mintCrl(plainCrl('AK root', AT_MS, ['01']), keys.root),
    ]) {
      const result = await verify([...certificates(leaf, middle, root), ...lists(list)]);
      expect(codesOf(result)).to.deep.equal(['CERT_REVOKED']);
      expect(result.claims?.root.name).to.equal('AK authority');
    }
  });

  it('is refused under a root that nobody named', async () => {
    const { root, middle, leaf } = plain;
    const result = await verify(certificates(leaf, middle, root), []);
    expect(codesOf(result)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(result.claims).to.equal(undefined);
    expect(codesOf(await verify(certificates(leaf)))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(codesOf(await verify(certificates(leaf, middle)))).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    const altered = chainOf({}, { root: keys.middle });
    expect(codesOf(await verify(certificates(leaf, middle, altered.root), []))).to.deep.equal([
      'CHAIN_INVALID',
      'CHAIN_UNTRUSTED_ROOT',
    ]);
  });

  it('is refused when no certificate is for it', async () => {
    const { root, middle } = plain;
    expect(codesOf(await verify(certificates(middle, root)))).to.deep.equal(['ENDORSEMENT_MISSING']);
    const { spki } = plainFields('', '', KEYS.p384, AT_MS);
    expect(await codes({ leaf: { spki } })).to.deep.equal(['ENDORSEMENT_MISSING']);
  });

  it('is refused with a certificate that does not say what it must', async () => {
    const leaf = (...extensions: readonly Uint8Array[]): Promise<readonly string[]> => codes({ leaf: { extensions } });
    expect(await leaf(NO_AUTHORITY, SIGNER_USAGE)).to.deep.equal(['CHAIN_INVALID']);
    expect(await leaf(NO_AUTHORITY, SIGNER_USAGE, EK_USAGE)).to.deep.equal(['CHAIN_INVALID']);
    expect(await leaf(NO_AUTHORITY, SIGNER_USAGE, extension(EKU, false, EMPTY))).to.deep.equal(['CHAIN_INVALID']);
    expect(await leaf(authority(), AUTHORITY_USAGE, AK_USAGE)).to.deep.equal(['CHAIN_INVALID']);
    const unknown = extension('1.2.3.4', true, fromHex('0500') ?? EMPTY);
    expect(await leaf(NO_AUTHORITY, SIGNER_USAGE, AK_USAGE, unknown)).to.deep.equal(['CHAIN_INVALID']);
  });

  it('is refused under an authority for something else', async () => {
    const middle = (...usages: readonly Uint8Array[]): Promise<readonly string[]> =>
      codes({ middle: { extensions: [authority(0), AUTHORITY_USAGE, ...usages] } });
    expect(await middle(EK_USAGE)).to.deep.equal(['CHAIN_INVALID']);
    expect(await middle(AK_USAGE)).to.deep.equal([]);
    // What the pinned authority may certify is the policy's own affair.
    expect(await codes({ root: { extensions: [authority(), AUTHORITY_USAGE, EK_USAGE] } })).to.deep.equal([]);
  });

  it('is refused when a certificate is not signed by the one above, or not at the time', async () => {
    expect(await codes({}, { leaf: keys.root })).to.deep.equal(['CHAIN_INVALID']);
    const { root, middle, leaf } = plain;
    const given = certificates(leaf, middle, root);
    expect(codesOf(await verify(given, [pin(root)], AT_MS + DAY_MS))).to.deep.equal(['CERT_EXPIRED']);
    expect(codesOf(await verify(given, [pin(root)], AT_MS - DAY_MS))).to.deep.equal(['CERT_NOT_YET_VALID']);
    const sha1 = sequence(oid('1.2.840.113549.1.1.5'), Uint8Array.of(5, 0));
    expect(await codes({ leaf: { algorithm: sha1 } })).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('is refused with endorsements that cannot be read', async () => {
    const { root, middle } = plain;
    expect(codesOf(await verify(certificates(Uint8Array.of(1), middle, root)))).to.deep.equal(['CHAIN_INVALID']);
    const nameless = chainOf({ leaf: { subject: Uint8Array.of(0x30, 0x01, 0x00) } });
    expect(codesOf(await verify(certificates(nameless.leaf, middle, root)))).to.deep.equal(['CHAIN_INVALID']);
  });

  it('follows no chain in circles, nor beyond its limit', async () => {
    const loop = chainOf({ middle: { issuer: named('AK') } });
    const other = mintCertificate({ ...plainFields('AK', 'AK middle', keys.root, AT_MS), extensions: [] }, keys.middle);
    expect(codesOf(await verify(certificates(loop.leaf, loop.middle, other), []))).to.include('CHAIN_UNTRUSTED_ROOT');
  });
});
