import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { recogniseEndorsements } from '#client/endorsements/recognise.ts';
import { certificateTableOf, writeCertificateTable } from '#infra/emulator/sev-snp/certificate-table.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type TestChip, testChip } from '#test/fakes/tee/amd.ts';
import { intelScene } from './intel.ts';

function found(bytes: Uint8Array): readonly Endorsement[] {
  return recogniseEndorsements(bytes, nodeCrypto).map(({ endorsement }) => endorsement);
}

function pem(...ders: readonly Uint8Array[]): Uint8Array {
  return utf8(ders.map((der) => new X509Certificate(der).toString()).join(''));
}

describe('endorsements in files', () => {
  let chip: TestChip;
  before(async () => {
    chip = await testChip();
  });

  it('are known by their bytes, whatever the file is called', async () => {
    const files: readonly Endorsement[] = [
      { kind: 'certificate', bytes: chip.chip.certificate },
      { kind: 'crl', bytes: chip.crl },
      { kind: 'snp-certificate-table', bytes: certificateTableOf(chip.chip) },
      await (await intelScene('SGX')).collateral(),
      { kind: 'jwk-set', bytes: utf8('{"keys":[{"kid":"1"}]}') },
    ];
    for (const file of files) expect(found(file.bytes), file.kind).to.deep.equal([file]);
  });

  it('are taken out of PEM one by one', () => {
    const { ask, ark } = chip.hierarchy;
    expect(found(pem(ask.certificate, ark.certificate))).to.deep.equal([
      { kind: 'certificate', bytes: ask.certificate },
      { kind: 'certificate', bytes: ark.certificate },
    ]);
    const list = utf8(`-----BEGIN X509 CRL-----\n${toBase64(chip.crl)}\n-----END X509 CRL-----\n`);
    expect(found(list)).to.deep.equal([{ kind: 'crl', bytes: chip.crl }]);
  });

  it('are nowhere in other files', () => {
    const key = utf8('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
    const others = [new Uint8Array(0), new Uint8Array(4096), utf8('{}'), utf8('text'), key, writeCertificateTable([])];
    for (const bytes of others) expect(found(bytes), `${bytes.length}`).to.deep.equal([]);
    expect(found(chip.report())).to.deep.equal([]);
  });
});
