import { expect } from 'chai';
import { readVectors, vectorsFolder } from '#scripts/attestation-vectors.ts';
import { parseCrl } from '#shared/attestation/x509/crl.ts';
import { fromHex } from '#shared/bytes/bytes.ts';

/** The ASK of Genoa that AMD replaced in 2022: the only certificate of the collection's lists that AMD revokes. */
const OLD_GENOA_ASK = '020001';

describe('revocation lists of the attestation test vectors', () => {
  before(function () {
    if (vectorsFolder() === undefined) this.skip();
  });

  it('are read where they are of AMD', async () => {
    const { samples } = await readVectors('amd-sev-snp');
    const lists = samples.flatMap(({ files }) => files.get('crl.der') ?? []);
    const read = lists.map(parseCrl);
    const shown = new Set(
      read.map(({ issuerText, number, revoked }) => [issuerText.split(',')[0], number, ...revoked].join(' ')),
    );
    expect([...shown]).to.have.members([`CN=ARK-Genoa 04 ${OLD_GENOA_ASK}`, 'CN=ARK-Milan 06']);
    expect(read).to.have.lengthOf(21);
  });

  it('are read where they are of Intel', async () => {
    const [sgx, tdx] = await Promise.all([readVectors('intel-sgx'), readVectors('intel-tdx')]);
    const samples = [...sgx.samples, ...tdx.samples];
    const bundles = samples.flatMap(({ files }) =>
      [...files].flatMap(([name, bytes]) => (name.startsWith('collateral-') ? [bytes] : [])),
    );
    const read = bundles.flatMap((bytes) => {
      const { root_ca_crl: root, pck_crl: pck } = JSON.parse(new TextDecoder().decode(bytes));
      return [root, pck].flatMap((hex: unknown) =>
        typeof hex === 'string' ? parseCrl(fromHex(hex) ?? new Uint8Array(0)) : [],
      );
    });
    const revoked = read.map((crl) => crl.revoked.size);
    expect([read.length, Math.min(...revoked), Math.max(...revoked)]).to.deep.equal([143, 0, 57]);
  });
});
