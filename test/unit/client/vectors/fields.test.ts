import { expect } from 'chai';
import { sampleFields } from '#client/vectors/fields.ts';
import { chainOf, type QuoteDefects } from '#infra/emulator/intel/quote.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { testDevice } from '#test/fakes/tee/emulator.ts';
import { type FakeIntel, fakeIntel, quoteOf } from '#test/fakes/tee/intel.ts';

describe('the fields of a sample', () => {
  it('are shown as far as a spoilt sample can be read, which never ends the run', async () => {
    const document = await (await testDevice()).mint();
    const found = [];
    for (let at = 0; at < document.length; at += 2) {
      const spoilt = document.map((byte, index) => (index === at ? byte ^ 0x55 : byte));
      found.push(await sampleFields('aws-nitro', new Map([['evidence.cbor', spoilt]]), nodeCrypto));
    }
    expect(found).to.include(undefined);
  });

  it('are asked of a folder that has an adapter', async () => {
    const fault = await sampleFields('sun-sparc', new Map(), nodeCrypto).catch((cause: unknown) => cause);
    expect(fault).to.have.property('code', 'CONFIG_INVALID');
  });

  describe('of Intel', () => {
    let intel: FakeIntel;
    before(async () => {
      intel = await fakeIntel('TDX');
    });

    const fieldsWith = async (defects: QuoteDefects, beside: Readonly<Record<string, Uint8Array>> = {}) => {
      const quote = await quoteOf(intel.machine, defects);
      return sampleFields('intel-tdx', new Map([['quote.bin', quote], ...Object.entries(beside)]), nodeCrypto);
    };

    it('lack the platform where the chain in the quote cannot be read, and nothing else', async () => {
      const chain = chainOf(intel.machine);
      const whole = await fieldsWith({});
      expect(whole).to.have.nested.property('pck.pcesvn', 13);
      for (const bytes of [utf8('no certificate'), chain.map((byte, index) => (index === 200 ? 0x21 : byte))]) {
        const fields = await fieldsWith({ certification: [5, bytes] });
        expect(fields).to.have.nested.property('body.mrtd', '7d'.repeat(48));
        expect(fields).not.to.have.property('pck');
      }
    });

    it('state the platform by a certificate beside the quote as well', async () => {
      const beside = { 'pckCert.pem': chainOf(intel.machine) };
      expect(await fieldsWith({ certification: [1, new Uint8Array(36)] }, beside)).to.have.nested.property('pck.fmspc');
      expect(await fieldsWith({ certification: [1, new Uint8Array(36)] })).not.to.have.property('pck');
    });
  });
});
