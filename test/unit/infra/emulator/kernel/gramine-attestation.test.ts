import { expect } from 'chai';
import { gramineAttestation } from '#infra/emulator/kernel/gramine-attestation.ts';
import { type KernelRequest, kernelWith } from '#infra/emulator/kernel/kernel.ts';
import { fromBase64, toBase64 } from '#shared/bytes/base64.ts';

/** A kernel whose quote is the report data itself. */
function kernel() {
  const call = kernelWith([{ root: '/dev/attestation', tree: gramineAttestation(async (data) => data) }]);
  return {
    call,
    async read(name: string): Promise<Uint8Array | undefined> {
      const file = Number(await call({ call: 'open', path: `/dev/attestation/${name}`, mode: 'read' }));
      return fromBase64(String(await call({ call: 'read', file, bytes: 9999 })));
    },
    async write(bytes: Uint8Array): Promise<void> {
      const path = '/dev/attestation/user_report_data';
      const file = Number(await call({ call: 'open', path, mode: 'write' }));
      await call({ call: 'write', file, base64: toBase64(bytes) });
      await call({ call: 'close', file });
    },
  };
}

describe('gramineAttestation', () => {
  it('quotes what was written last, padded with zeros or cut at 64 bytes', async () => {
    const { read, write } = kernel();
    expect(await read('quote')).to.deep.equal(new Uint8Array(64));
    await write(new Uint8Array(70).fill(5));
    expect(await read('quote')).to.deep.equal(new Uint8Array(64).fill(5));
    await write(Uint8Array.of(1, 2));
    const padded = new Uint8Array(64);
    padded.set([1, 2]);
    expect(await read('quote')).to.deep.equal(padded);
    expect(await read('user_report_data')).to.deep.equal(padded);
  });

  const refused: readonly (readonly [KernelRequest, string])[] = [
    [{ call: 'open', path: '/dev/attestation/quote', mode: 'write' }, 'EACCES'],
    [{ call: 'open', path: '/dev/attestation', mode: 'read' }, 'EISDIR'],
    [{ call: 'open', path: '/dev/attestation/keys', mode: 'read' }, 'ENOENT'],
    [{ call: 'stat', path: '/dev/attestations' }, 'ENOENT'],
    [{ call: 'list', path: '/dev/attestation/quote' }, 'ENOTDIR'],
    [{ call: 'mkdir', path: '/dev/attestation/new' }, 'EACCES'],
    [{ call: 'rmdir', path: '/dev/attestation' }, 'EACCES'],
    [{ call: 'read', file: 7, bytes: 1 }, 'EBADF'],
    [{ call: 'close', file: 7 }, 'EBADF'],
  ];
  for (const [request, code] of refused) {
    it(`answers ${JSON.stringify(request)} with ${code}`, async () => {
      const outcome = await kernel()
        .call(request)
        .catch((error: unknown) => error);
      expect(outcome).to.be.instanceOf(Error).with.property('code', code);
    });
  }

  it('says what there is', async () => {
    const { call } = kernel();
    expect(await call({ call: 'stat', path: '/dev/attestation' })).to.equal('directory');
    expect(await call({ call: 'stat', path: '/dev/attestation/quote' })).to.equal('file');
    expect(await call({ call: 'list', path: '/dev/attestation' })).to.include('quote');
  });
});
