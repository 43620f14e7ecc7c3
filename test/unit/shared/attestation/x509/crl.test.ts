import { expect } from 'chai';
import { type CertificateFields, extension } from '#infra/emulator/certificate.ts';
import { type CrlFields, revokedEntry } from '#infra/emulator/crl.ts';
import { bitString, der, sequence, time } from '#infra/emulator/der.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { isRevoked, parseCrl, verifyCrl } from '#shared/attestation/x509/crl.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import {
  AUTHORITY_USAGE,
  authority,
  ECDSA_SHA256,
  mintCertificate,
  named,
  newKeys,
  plainFields,
  withTrailing,
} from '#test/fakes/tee/certificates.ts';
import { mintCrl, plainCrl } from '#test/fakes/tee/crl.ts';

const AT_MS = Date.parse('2026-01-02T12:00:00Z');
const HALF_DAY_MS = 43_200_000;
const CRL_SIGNER = extension('2.5.29.15', true, bitString(1, 0x06));

const keys = newKeys();
const minted = (bend: Partial<CrlFields> = {}, serials: readonly string[] = []): Uint8Array =>
  mintCrl({ ...plainCrl('ca', AT_MS, serials), ...bend }, keys);
const certified = (bend: Partial<CertificateFields> = {}) =>
  parseCertificate(mintCertificate({ ...plainFields('ca', 'ca', keys, AT_MS), ...bend }, keys));

describe('revocation list parser', () => {
  it('reads a list with entries, reasons and a number', () => {
    const keyCompromise = extension('2.5.29.21', false, der(0x0a, Uint8Array.of(1)));
    const revoked = sequence(
      revokedEntry(Uint8Array.of(2), AT_MS, [keyCompromise]),
      revokedEntry(Uint8Array.of(0, 0xff), AT_MS),
    );
    const crl = parseCrl(minted({ revoked }));
    expect([...crl.revoked]).to.deep.equal(['02', '00ff']);
    expect(crl).to.include({ issuerText: 'CN=ca', number: '01' });
    expect([crl.thisUpdateMs, crl.nextUpdateMs]).to.deep.equal([AT_MS - HALF_DAY_MS, AT_MS + HALF_DAY_MS]);
  });

  it('reads a list that revokes nothing and has no extensions', () => {
    const crl = parseCrl(minted({ extensions: [] }));
    expect([crl.revoked.size, crl.number]).to.deep.equal([0, undefined]);
  });

  const CRITICAL = extension('1.2.3.4', true, EMPTY);
  const bad: Readonly<Record<string, readonly [Partial<CrlFields>, string]>> = {
    'version 1, which has no field for it': [{ version: EMPTY }, 'DER tag'],
    'another version': [{ version: der(0x02, Uint8Array.of(2)) }, 'not X.509 v2'],
    'two signature algorithms': [{ outerAlgorithm: ECDSA_SHA256 }, 'two signature algorithms'],
    'an issuer that is no name': [{ issuer: Uint8Array.of(0x30, 0x01, 0x00) }, 'name'],
    'no next update': [{ nextUpdate: EMPTY }, 'certificate time'],
    'a next update before this one': [{ nextUpdate: time(AT_MS - HALF_DAY_MS - 1000) }, 'before this one'],
    'a negative serial number': [{ revoked: sequence(revokedEntry(Uint8Array.of(0xff), AT_MS)) }, 'negative'],
    'a serial number not in its shortest form': [
      { revoked: sequence(revokedEntry(Uint8Array.of(0, 1), AT_MS)) },
      'shortest',
    ],
    'a serial number that is too long': [
      { revoked: sequence(revokedEntry(new Uint8Array(22).fill(1), AT_MS)) },
      '22 octets',
    ],
    'a serial number twice': [{ revoked: plainCrl('ca', AT_MS, ['02', '03', '02']).revoked }, 'twice'],
    'an entry of another authority': [
      { revoked: sequence(revokedEntry(Uint8Array.of(2), AT_MS, [extension('2.5.29.29', true, EMPTY)])) },
      'critical extension 2.5.29.29',
    ],
    'an entry with more than it may hold': [
      { revoked: sequence(sequence(der(0x02, Uint8Array.of(2)), time(AT_MS), sequence(), sequence())) },
      'left over',
    ],
    'more entries than are read': [
      {
        revoked: plainCrl(
          'ca',
          AT_MS,
          Array.from({ length: 2049 }, (_, i) => `01${(i + 256).toString(16).padStart(4, '0')}`),
        ).revoked,
      },
      'more than 2048',
    ],
    'a critical extension that nobody understands': [{ extensions: [CRITICAL] }, 'critical extension 1.2.3.4'],
    'an extension twice': [{ extensions: [CRITICAL, CRITICAL] }, 'occurs twice'],
    'changes to another list': [
      { extensions: [extension('2.5.29.27', true, der(0x02, Uint8Array.of(1)))] },
      'of part of',
    ],
    'a scope, though it is not marked critical': [
      { extensions: [extension('2.5.29.28', false, sequence())] },
      'of part of',
    ],
    'a number that is none': [{ extensions: [extension('2.5.29.20', false, EMPTY)] }, 'CRL number'],
    'a number that is too long': [
      { extensions: [extension('2.5.29.20', false, der(0x02, new Uint8Array(22).fill(1)))] },
      '22 octets',
    ],
    'something behind the extensions': [{ extra: sequence() }, 'left over'],
  };
  for (const [name, [bend, message]] of Object.entries(bad)) {
    it(`refuses ${name}`, () => {
      expect(() => parseCrl(minted(bend))).to.throw(MalformedInput, message);
    });
  }

  it('refuses bytes after the list, a list that is cut off and one that is too long', () => {
    const list = minted();
    expect(() => parseCrl(withTrailing(list))).to.throw(MalformedInput, 'left over');
    for (let length = 0; length < list.length; length++) {
      expect(() => parseCrl(list.subarray(0, length)), `${length} bytes`).to.throw(MalformedInput);
    }
    expect(() => parseCrl(new Uint8Array(48 * 1024 + 1))).to.throw(MalformedInput, 'at most');
  });
});

describe('revocation list verification', () => {
  it('finds nothing wrong with a current list of its authority', async () => {
    expect(await verified(minted())).to.deep.equal({ reasons: [], concerns: [] });
    const issuer = certified({ extensions: [authority(), CRL_SIGNER] });
    expect(await verifyCrl(parseCrl(minted()), issuer, rules(AT_MS))).to.deep.equal({ reasons: [], concerns: [] });
  });

  it('takes both ends of its span for current', async () => {
    expect(await verified(minted(), AT_MS - HALF_DAY_MS)).to.deep.equal({ reasons: [], concerns: [] });
    expect(await verified(minted(), AT_MS + HALF_DAY_MS + 999)).to.deep.equal({ reasons: [], concerns: [] });
  });

  it('refuses a list from after the stated time', async () => {
    const { reasons } = await verified(minted(), AT_MS - HALF_DAY_MS - 1);
    expect(reasons).to.deep.equal([
      {
        code: 'CRL_NOT_YET_VALID',
        detail: 'the revocation list of CN=ca is not valid yet',
        found: '2026-01-01T23:59:59Z',
        wanted: 'from 2026-01-02T00:00:00Z',
      },
    ]);
  });

  it('leaves a list past its next update to policy', async () => {
    const { reasons, concerns } = await verified(minted(), AT_MS + HALF_DAY_MS + 1000);
    expect(reasons).to.deep.equal([]);
    expect(concerns).to.deep.equal([
      {
        code: 'CRL_EXPIRED',
        detail: 'the revocation list of CN=ca is past its next update',
        found: '2026-01-03T00:00:01Z',
        wanted: 'until 2026-01-03T00:00:00Z',
        endedMs: AT_MS + HALF_DAY_MS,
      },
    ]);
  });

  const defects: Readonly<Record<string, readonly [Partial<CrlFields>, Partial<CertificateFields>, string]>> = {
    'a list by another authority': [{ issuer: named('other') }, {}, 'not by the authority'],
    'an authority that may not sign lists': [{}, { extensions: [authority(), AUTHORITY_USAGE] }, 'lacks cRLSign'],
    'an algorithm that is not allowed': [{ algorithm: ECDSA_SHA256, hash: 'sha256' }, {}, 'not allowed'],
    'a signature of another algorithm': [{ hash: 'sha256' }, {}, 'not signed by'],
  };
  for (const [name, [bend, issuerBend, detail]] of Object.entries(defects)) {
    it(`refuses ${name}`, async () => {
      const { reasons } = await verifyCrl(parseCrl(minted(bend)), certified(issuerBend), rules(AT_MS));
      expect(reasons).to.have.lengthOf(1);
      expect(reasons[0]).to.include({ code: 'CRL_INVALID' }).with.property('detail').that.includes(detail);
    });
  }

  it('refuses a list signed with another key', async () => {
    const { reasons } = await verified(mintCrl(plainCrl('ca', AT_MS), newKeys()));
    expect(reasons.map(({ code }) => code)).to.deep.equal(['CRL_INVALID']);
  });

  it('lists everything that is wrong at once', async () => {
    const crl = parseCrl(minted({ issuer: named('other'), hash: 'sha256' }));
    const issuer = certified({ extensions: [authority(), AUTHORITY_USAGE] });
    const { reasons } = await verifyCrl(crl, issuer, rules(AT_MS - HALF_DAY_MS - 1));
    const codes = reasons.map(({ code }) => code);
    expect(codes).to.deep.equal(['CRL_INVALID', 'CRL_INVALID', 'CRL_INVALID', 'CRL_NOT_YET_VALID']);
  });

  it('accepts no list in which any byte was changed', async () => {
    const list = minted({}, ['02']);
    for (let at = 0; at < list.length; at++) {
      const flipped = list.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(await isAccepted(flipped), `byte ${at}`).to.equal(false);
    }
  });
});

describe('revocation', () => {
  const crl = parseCrl(minted({}, ['02', '00ff']));
  const serial = (...octets: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(octets));

  it('is of the serial numbers that the list names', () => {
    expect(isRevoked(crl, certified({ serial: serial(2) }))).to.equal(true);
    expect(isRevoked(crl, certified({ serial: serial(0, 255) }))).to.equal(true);
    expect(isRevoked(crl, certified({ serial: serial(3) }))).to.equal(false);
  });

  it('is of certificates of the same authority only', () => {
    expect(isRevoked(crl, certified({ serial: serial(2), issuer: named('other') }))).to.equal(false);
  });
});

const rules = (atMs: number) => ({ atMs, allowed: ['ecdsa-sha384'] as const, crypto: nodeCrypto });
const verified = (list: Uint8Array, atMs = AT_MS) => verifyCrl(parseCrl(list), certified(), rules(atMs));

async function isAccepted(list: Uint8Array): Promise<boolean> {
  try {
    return (await verified(list)).reasons.length === 0;
  } catch (error) {
    expect(error).to.be.instanceOf(MalformedInput);
    return false;
  }
}
