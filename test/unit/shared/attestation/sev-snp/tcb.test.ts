import { expect } from 'chai';
import { productOfCpuid, productOfName } from '#shared/attestation/sev-snp/product.ts';
import { leastTcb, tcbLayout, tcbOf } from '#shared/attestation/sev-snp/tcb.ts';

const BYTES = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe('TCB version', () => {
  it('of Milan and Genoa begins with the boot loader and ends with the microcode', () => {
    const expected = { bootloader: 1, tee: 2, snp: 7, microcode: 8 };
    expect(tcbOf('Milan', BYTES)).to.deep.equal(expected);
    expect(tcbOf('Genoa', BYTES)).to.deep.equal(expected);
  });

  it('of Turin begins with the FMC', () => {
    expect(tcbOf('Turin', BYTES)).to.deep.equal({ fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 8 });
  });

  it('has eight bytes, each with its own extension', () => {
    for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
      expect(new Set(tcbLayout(product).map(({ extension }) => extension)).size).to.equal(8);
    }
  });

  it('is least component by component: a high one never makes up for a low one', () => {
    const least = leastTcb([
      { bootloader: 9, tee: 0, snp: 5, microcode: 200 },
      { bootloader: 3, tee: 1, snp: 8, microcode: 100 },
    ]);
    expect(least).to.deep.equal({ bootloader: 3, tee: 0, snp: 5, microcode: 100 });
  });
});

describe('product', () => {
  const product = (family: number, model: number) => productOfCpuid({ family, model, stepping: 0 });

  it('is that of family and model', () => {
    expect([0x00, 0x01, 0x0f].map((model) => product(0x19, model))).to.deep.equal(['Milan', 'Milan', 'Milan']);
    expect([0x10, 0x11, 0x1f].map((model) => product(0x19, model))).to.deep.equal(['Genoa', 'Genoa', 'Genoa']);
    expect(
      [0xa0, 0xaf].map((model) => product(0x19, model)),
      'Bergamo, Siena',
    ).to.deep.equal(['Genoa', 'Genoa']);
    expect([0x02, 0x11].map((model) => product(0x1a, model))).to.deep.equal(['Turin', 'Turin']);
  });

  it('is not known for others', () => {
    expect([product(0x17, 0x31), product(0x19, 0x20), product(0x19, 0x61), product(0x1a, 0x50)]).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is that of the name in a certificate, whatever its stepping', () => {
    expect(['Milan', 'Milan-B0', 'Genoa', 'Turin-C1'].map(productOfName)).to.deep.equal([
      'Milan',
      'Milan',
      'Genoa',
      'Turin',
    ]);
    expect(['', 'milan', 'Milano', 'Rome-B0', 'Genoa B0'].map(productOfName)).to.deep.equal(Array(5).fill(undefined));
  });
});
