import { expect } from 'chai';
import { der } from '#infra/emulator/der.ts';
import { emulatedName } from '#infra/emulator/sev-snp/certificate.ts';
import type { SnpLeafOptions } from '#infra/emulator/sev-snp/chip.ts';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { codes, codesOf, type TestChip, testChip, verifyUnder, withExtension } from '#test/fakes/tee/amd.ts';

const AMD = '1.3.6.1.4.1.3704.1';
const integer = (value: number): Uint8Array => der(0x02, Uint8Array.of(value));
const text = (value: string): Uint8Array => der(0x16, utf8(value));

describe('certificate of the key of an SNP report', () => {
  let device: TestChip;
  before(async () => {
    device = await testChip();
  });

  describe('against the report', () => {
    const forVlek = (report: Uint8Array): void => report.set([1 << 2], 0x48);

    it('must be of the kind that the report names', async () => {
      const asVlek = device.report({}, { rewrite: forVlek });
      expect(codes(await verifyUnder(device, asVlek, device.endorsements))).to.deep.equal([
        'SIGNING_KEY_KIND_MISMATCH',
      ]);
      const lent = await testChip('Milan', { kind: 'VLEK' });
      const asVcek = lent.report({}, { rewrite: (report) => report.set([0], 0x48) });
      expect(codes(await verifyUnder(lent, asVcek, lent.endorsements))).to.deep.equal(['SIGNING_KEY_KIND_MISMATCH']);
    });

    it('must be named as one', async () => {
      expect(await codesOf({ leaf: { bend: () => ({ subject: emulatedName('SEV-CEK') }) } })).to.deep.equal([
        'SIGNING_KEY_KIND_MISMATCH',
      ]);
    });

    it('must be for the chip', async () => {
      const other = await testChip('Milan', { hwId: new Uint8Array(64).fill(1) });
      const report = device.report({}, { signingKey: other.chip.key });
      expect(codes(await verifyUnder(device, report, other.endorsements))).to.include('CHIP_ID_MISMATCH');
      expect(await codesOf({ leaf: withExtension(`${AMD}.4`, undefined) })).to.deep.equal(['CHIP_ID_MISMATCH']);
    });

    it('must be for the chip also when the host masks it', async () => {
      const rewrite = (report: Uint8Array): void => void report.fill(0, 0x1a0, 0x1e0);
      const result = await verifyUnder(device, device.report({}, { rewrite }), device.endorsements);
      expect(codes(result)).to.deep.equal(['CHIP_ID_MISMATCH']);
    });

    it('names a Turin chip by eight bytes, zeros behind them, and no other chip by so few', async () => {
      const hwId = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      expect(await codesOf({ product: 'Turin', leaf: { hwId } })).to.deep.equal([]);
      expect(await codesOf({ product: 'Milan', leaf: { hwId } })).to.deep.equal(['CHIP_ID_MISMATCH']);
      const turin = await testChip('Turin', { hwId });
      const report = turin.report({}, { rewrite: (bytes) => bytes.set([1], 0x1df) });
      expect(codes(await verifyUnder(turin, report, turin.endorsements))).to.deep.equal(['CHIP_ID_MISMATCH']);
    });

    it('may wrap the name of the chip, but not shorten it', async () => {
      const wrapped: SnpLeafOptions = {
        bend: ({ extensions }) => ({
          extensions: extensions.map((each) =>
            each.oid === `${AMD}.4` ? { ...each, value: der(0x04, each.value) } : each,
          ),
        }),
      };
      expect(await codesOf({ leaf: wrapped })).to.deep.equal([]);
      for (const value of [EMPTY, new Uint8Array(63), der(0x04, new Uint8Array(63)), der(0x04)]) {
        expect(await codesOf({ leaf: withExtension(`${AMD}.4`, value) })).to.deep.equal(['CHAIN_INVALID']);
      }
    });

    it('names a chip or a provider, as its kind wants, and not both', async () => {
      expect(await codesOf({ leaf: withExtension(`${AMD}.5`, text('CN=provider')) })).to.deep.equal(['CHAIN_INVALID']);
      const provider = { ...withExtension(`${AMD}.5`, undefined), kind: 'VLEK' } as const;
      expect(await codesOf({ leaf: provider })).to.deep.equal(['CHAIN_INVALID']);
      const both = { ...withExtension(`${AMD}.4`, new Uint8Array(64)), kind: 'VLEK' } as const;
      expect(await codesOf({ leaf: both })).to.deep.equal(['CHAIN_INVALID']);
    });

    const components = {
      Milan: [1, 2, 3, 4, 5, 6, 7, 8],
      Genoa: [1, 2, 3, 8],
      Turin: [9, 1, 2, 3, 5, 6, 7, 8],
    } as const;
    for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
      it(`must be for each component of the TCB that ${product} reports`, async () => {
        for (const component of components[product]) {
          const leaf = withExtension(`${AMD}.3.${component}`, integer(99));
          expect(await codesOf({ product, leaf }), `${component}`).to.deep.equal(['TCB_EXTENSION_MISMATCH']);
        }
      });
    }

    it('must state each component that has a name, and may leave out what is reserved', async () => {
      for (const component of [1, 2, 3, 8]) {
        const leaf = withExtension(`${AMD}.3.${component}`, undefined);
        expect(await codesOf({ leaf }), `${component}`).to.deep.equal(['TCB_EXTENSION_MISMATCH']);
      }
      expect(await codesOf({ leaf: withExtension(`${AMD}.3.4`, undefined) })).to.deep.equal([]);
      const fmc = withExtension(`${AMD}.3.9`, undefined);
      expect(await codesOf({ product: 'Turin', leaf: fmc })).to.deep.equal(['TCB_EXTENSION_MISMATCH']);
    });

    it('must be for the reported TCB, not for another that the report holds', async () => {
      const { tcb } = device.chip;
      const older = { ...tcb, snp: 1 };
      expect(await codesOf({ contents: { reportedTcb: older } })).to.deep.equal(['TCB_EXTENSION_MISMATCH']);
      expect(await codesOf({ contents: { currentTcb: older, committedTcb: older, launchTcb: older } })).to.deep.equal(
        [],
      );
    });

    it('that says something else than its format allows is refused', async () => {
      const values = [text('4'), der(0x02, Uint8Array.of(1, 0)), concat(integer(4), integer(4)), EMPTY];
      for (const value of values) {
        expect(await codesOf({ leaf: withExtension(`${AMD}.3.1`, value) })).to.deep.equal(['CHAIN_INVALID']);
      }
      for (const value of [utf8('Milan'), text('Mil\u0000an'), concat(text('Milan'), integer(1))]) {
        expect(await codesOf({ leaf: withExtension(`${AMD}.2`, value) })).to.deep.equal(['CHAIN_INVALID']);
      }
      expect(await codesOf({ leaf: withExtension(`${AMD}.2`, der(0x16, Uint8Array.of(0xff))) })).to.deep.equal([
        'CHAIN_INVALID',
      ]);
    });
  });

  describe('product', () => {
    it('must be one in processor, certificate and chain', async () => {
      const genoa = { family: 0x19, model: 0x11, stepping: 1 };
      expect(await codesOf({ contents: { cpuid: genoa } })).to.deep.equal(['PRODUCT_MISMATCH']);
      expect(await codesOf({ leaf: withExtension(`${AMD}.2`, text('Genoa')) })).to.deep.equal(['PRODUCT_MISMATCH']);
      const leaf = withExtension(`${AMD}.2`, text('Genoa'));
      expect(await codesOf({ leaf, contents: { version: 2 } })).to.deep.equal(['PRODUCT_MISMATCH']);
    });

    it('must be known', async () => {
      const next = { family: 0x1a, model: 0x50, stepping: 0 };
      expect(await codesOf({ contents: { cpuid: next } })).to.deep.equal(['PRODUCT_MISMATCH']);
      expect(await codesOf({ leaf: withExtension(`${AMD}.2`, text('Rome-B0')) })).to.deep.equal(['PRODUCT_MISMATCH']);
      expect(await codesOf({ leaf: withExtension(`${AMD}.2`, undefined) })).to.deep.equal(['PRODUCT_MISMATCH']);
    });

    it('without which nothing can be claimed gives no claims', async () => {
      const unnamed = await testChip('Milan', withExtension(`${AMD}.2`, undefined));
      const result = await verifyUnder(unnamed, unnamed.report({ version: 2 }), unnamed.endorsements);
      expect([codes(result), result.claims]).to.deep.equal([['PRODUCT_MISMATCH'], undefined]);
    });

    it('of Bergamo and Siena is Genoa', async () => {
      const cpuid = { family: 0x19, model: 0xa0, stepping: 2 };
      expect(await codesOf({ product: 'Genoa', contents: { cpuid } })).to.deep.equal([]);
    });
  });
});
