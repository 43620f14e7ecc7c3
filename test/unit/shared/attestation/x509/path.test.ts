import { expect } from 'chai';
import { extension } from '#infra/emulator/certificate.ts';
import { der, oid, sequence, time } from '#infra/emulator/der.ts';
import type { AllowedSignature } from '#shared/attestation/x509/algorithms.ts';
import { type Certificate, parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { isSelfSigned, type PathRules, validateAuthorityPath, validatePath } from '#shared/attestation/x509/path.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import {
  AUTHORITY_USAGE,
  authority,
  type Bend,
  ECDSA_SHA256,
  mintCertificate,
  mintChain,
  NO_AUTHORITY,
  named,
  newKeys,
  plainFields,
  SIGNER_USAGE,
  spkiOf,
} from '#test/fakes/tee/certificates.ts';

const AT_MS = Date.parse('2026-01-02T12:00:00Z');
const HALF_DAY_MS = 43_200_000;

const withSha256: Bend = () => ({ algorithm: ECDSA_SHA256, hash: 'sha256' });
const gone: Bend = () => ({ validity: sequence(time(AT_MS - 2000), time(AT_MS - 1000)) });

describe('path validation', () => {
  it('finds nothing wrong with a good chain', async () => {
    expect(await found({})).to.deep.equal([]);
  });

  it('accepts P-256 with SHA-256 where the platform allows it', async () => {
    const { chain } = mintChain(AT_MS, { 0: withSha256, 1: withSha256, 2: withSha256 }, ['P-256', 'P-256', 'P-256']);
    const certificates = chain.map(parseCertificate);
    expect(await validatePath(certificates, rules(AT_MS, ['ecdsa-sha256']))).to.deep.equal([]);
    expect(codes(await validatePath(certificates, rules(AT_MS)))).to.deep.equal(['ALG_NOT_ALLOWED', 'ALG_NOT_ALLOWED']);
  });

  it('takes both ends of a validity for valid, and the second after it for expired', async () => {
    const certificates = mintChain(AT_MS).chain.map(parseCertificate);
    const at = async (atMs: number): Promise<readonly string[]> => codes(await validatePath(certificates, rules(atMs)));
    expect(await at(AT_MS - HALF_DAY_MS)).to.deep.equal([]);
    expect(await at(AT_MS + HALF_DAY_MS + 999)).to.deep.equal([]);
    expect(await at(AT_MS - HALF_DAY_MS - 1)).to.deep.equal(Array(3).fill('CERT_NOT_YET_VALID'));
    expect(await at(AT_MS + HALF_DAY_MS + 1000)).to.deep.equal(Array(3).fill('CERT_EXPIRED'));
  });

  it('looks at the validity of every certificate, not of the leaf alone', async () => {
    for (const index of [0, 1, 2]) expect(await found({ [index]: gone })).to.deep.equal(['CERT_EXPIRED']);
  });

  const defects: Readonly<Record<string, readonly [Readonly<Record<number, Bend>>, string, number]>> = {
    'an issuer name that is not the one before': [{ 2: () => ({ issuer: named('root') }) }, 'names another issuer', 1],
    'a name spelled in another string type': [
      {
        2: () => ({
          issuer: sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x13, Uint8Array.from(Buffer.from('middle')))))),
        }),
      },
      'names another issuer',
      1,
    ],
    'an authority that is no CA': [{ 1: () => ({ extensions: [NO_AUTHORITY, AUTHORITY_USAGE] }) }, 'is not a CA', 1],
    'an authority without basic constraints': [{ 1: () => ({ extensions: [AUTHORITY_USAGE] }) }, 'is not a CA', 1],
    'a root that is no CA': [{ 0: () => ({ extensions: [AUTHORITY_USAGE] }) }, 'is not a CA', 1],
    'an authority that may not sign certificates': [
      { 1: () => ({ extensions: [authority(0), SIGNER_USAGE] }) },
      'no keyCertSign',
      1,
    ],
    'an authority without key usage': [{ 1: () => ({ extensions: [authority(0)] }) }, 'no keyCertSign', 1],
    'a path longer than the root allows': [
      { 0: () => ({ extensions: [authority(0), AUTHORITY_USAGE] }) },
      'too many CAs',
      1,
    ],
    'a leaf that is a CA': [{ 2: () => ({ extensions: [authority(), AUTHORITY_USAGE] }) }, 'is a CA', 1],
    'a leaf that may not sign': [
      { 2: () => ({ extensions: [extension('2.5.29.15', true, der(0x03, Uint8Array.of(5, 0x20)))] }) },
      'lacks digitalSignature',
      1,
    ],
    'a critical extension that nobody understands': [
      { 2: () => ({ extensions: [extension('1.2.3.4', true, EMPTY)] }) },
      'not understood',
      1,
    ],
    'another key than the one that signed': [{ 1: () => ({ spki: spkiOf(newKeys()) }) }, 'not signed by', 1],
  };
  for (const [name, [bends, detail, count]] of Object.entries(defects)) {
    it(`refuses ${name}`, async () => {
      const reasons = await validatePath(mintChain(AT_MS, bends).chain.map(parseCertificate), rules(AT_MS));
      expect(reasons).to.have.lengthOf(count);
      expect(reasons[0]).to.include({ code: 'CHAIN_INVALID' }).with.property('detail').that.includes(detail);
    });
  }

  it('accepts a leaf that says nothing of its use', async () => {
    expect(await found({ 2: () => ({ extensions: [] }) })).to.deep.equal([]);
  });

  it('refuses an algorithm with parameters, and one made for other keys', async () => {
    const algorithm = sequence(oid('1.2.840.10045.4.3.3'), der(0x05));
    expect(await found({ 2: () => ({ algorithm }) })).to.deep.equal(['ALG_NOT_ALLOWED']);
    expect(await found({ 2: () => ({ algorithm: sequence(oid('1.2.840.113549.1.1.12')) }) })).to.deep.equal([
      'ALG_NOT_ALLOWED',
    ]);
    const { chain } = mintChain(AT_MS, {}, ['P-384', 'P-521']);
    expect(codes(await validatePath(chain.map(parseCertificate), rules(AT_MS)))).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('does not count a self-issued certificate against a path length', async () => {
    const keys = newKeys();
    const nextKeys = newKeys();
    const extensions = [authority(0), AUTHORITY_USAGE];
    const root = mintCertificate({ ...plainFields('root', 'root', keys, AT_MS), extensions }, keys);
    const renewed = mintCertificate({ ...plainFields('root', 'root', nextKeys, AT_MS), extensions }, keys);
    const leaf = mintCertificate(plainFields('leaf', 'root', newKeys(), AT_MS), nextKeys);
    expect(await validatePath([root, renewed, leaf].map(parseCertificate), rules(AT_MS))).to.deep.equal([]);
  });

  it('asks the end of a path of authorities for an authority, and counts it against no path length', async () => {
    const authorities = { 2: () => ({ extensions: [authority(), AUTHORITY_USAGE] }) };
    const path = (bends: Readonly<Record<number, Bend>>) => mintChain(AT_MS, bends).chain.map(parseCertificate);
    expect(await validateAuthorityPath(path(authorities), rules(AT_MS))).to.deep.equal([]);
    const reasons = await validateAuthorityPath(path({}), rules(AT_MS));
    expect(reasons.map(({ detail }) => detail)).to.deep.equal([
      'certificate 3 of 3 is not a CA',
      'certificate 3 of 3 may not sign certificates: no keyCertSign',
    ]);
  });

  it('tells a self-signed certificate from one that only names itself', async () => {
    const keys = newKeys();
    const fields = plainFields('root', 'root', keys, AT_MS);
    expect(await isSelfSigned(parseCertificate(mintCertificate(fields, keys)), rules(AT_MS))).to.equal(true);
    expect(await isSelfSigned(parseCertificate(mintCertificate(fields, newKeys())), rules(AT_MS))).to.equal(false);
  });
});

function rules(atMs: number, allowed: readonly AllowedSignature[] = ['ecdsa-sha384']): PathRules {
  return { atMs, allowed, crypto: nodeCrypto };
}

async function found(bends: Readonly<Record<number, Bend>>): Promise<readonly string[]> {
  const chain: readonly Certificate[] = mintChain(AT_MS, bends).chain.map(parseCertificate);
  return codes(await validatePath(chain, rules(AT_MS)));
}

function codes(reasons: readonly { readonly code: string }[]): readonly string[] {
  return reasons.map(({ code }) => code);
}
