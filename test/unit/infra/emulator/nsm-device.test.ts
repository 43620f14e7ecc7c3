import { expect } from 'chai';
import { type NsmDevice, nsmDevice } from '#infra/emulator/nsm-device.ts';
import { LEAF_VALID_MS } from '#infra/emulator/pki.ts';
import { type CborItem, decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { AT_MS, fixedSurroundings, type TestDevice, testDevice } from '#test/fakes/tee/emulator.ts';

describe('nsmDevice', () => {
  let fixture: TestDevice;
  let nowMs = AT_MS;
  let device: NsmDevice;
  before(async () => {
    fixture = await testDevice();
  });
  beforeEach(() => {
    nowMs = AT_MS;
    const { moduleId, pcrs } = fixture.contents;
    device = nsmDevice({
      root: fixture.root,
      moduleId,
      pcrs,
      surroundings: { ...fixedSurroundings(), now: () => nowMs },
    });
  });

  const ask = async (request: CborInput): Promise<CborItem> => decodeCbor(await device.answer(encodeCbor(request)));
  it('describes itself', async () => {
    const described = field(await ask('DescribeNSM'), 'DescribeNSM');
    expect(field(described, 'module_id')).to.deep.equal({ kind: 'text', value: fixture.contents.moduleId });
    expect(field(described, 'digest')).to.deep.equal({ kind: 'text', value: 'SHA384' });
  });

  it('gives 256 random bytes', async () => {
    const random = field(field(await ask('GetRandom'), 'GetRandom'), 'random');
    expect(random?.kind === 'bytes' && random.value.length).to.equal(256);
  });

  it('attests to the fields given', async () => {
    const userData = new Uint8Array(64).fill(1);
    const nonce = new Uint8Array(20).fill(2);
    const claims = await claimsOf(
      await ask(
        attestation([
          ['user_data', userData],
          ['nonce', nonce],
          ['public_key', null],
        ]),
      ),
    );
    expect(claims.reportData).to.deep.equal(userData);
    expect(claims.nonce).to.deep.equal(nonce);
  });

  it('takes an absent field for null', async () => {
    expect((await claimsOf(await ask(attestation([])))).reportData).to.have.length(0);
  });

  it('signs under one leaf until it nears its end, then under a new one', async () => {
    const first = await claimsOf(await ask(attestation([])));
    nowMs = AT_MS + 3_600_000;
    const second = await claimsOf(await ask(attestation([])));
    nowMs = AT_MS + LEAF_VALID_MS - 3_600_000;
    const third = await claimsOf(await ask(attestation([])));
    expect(second.details['leafSha256']).to.equal(first.details['leafSha256']);
    expect(third.details['leafSha256']).to.not.equal(first.details['leafSha256']);
    expect(third.validUntilMs).to.be.above(nowMs + 3_600_000);
  });

  const refusals: readonly (readonly [string, CborInput, string])[] = [
    ['user data above its bound', attestation([['user_data', new Uint8Array(513)]]), 'InputTooLarge'],
    ['a nonce above its bound', attestation([['nonce', new Uint8Array(513)]]), 'InputTooLarge'],
    ['a public key above its bound', attestation([['public_key', new Uint8Array(1025)]]), 'InputTooLarge'],
    ['a field of the wrong type', attestation([['user_data', 'text']]), 'InvalidArgument'],
    ['an unknown field', attestation([['pcrs', null]]), 'InvalidArgument'],
    ['arguments that are no map', { entries: [['Attestation', null]] }, 'InvalidArgument'],
    [
      'a register operation',
      {
        entries: [
          [
            'ExtendPCR',
            {
              entries: [
                ['index', 0],
                ['data', new Uint8Array(1)],
              ],
            },
          ],
        ],
      },
      'InvalidOperation',
    ],
    ['an unknown request', 'Reboot', 'InvalidOperation'],
  ];
  for (const [what, request, error] of refusals) {
    it(`answers ${error} to ${what}`, async () =>
      expect(field(await ask(request), 'Error')).to.deep.equal({ kind: 'text', value: error }));
  }

  it('answers InvalidArgument to bytes that are no CBOR', async () => {
    const answer = decodeCbor(await device.answer(Uint8Array.of(0xff)));
    expect(field(answer, 'Error')).to.deep.equal({ kind: 'text', value: 'InvalidArgument' });
  });

  async function claimsOf(answer: CborItem) {
    const document = field(field(answer, 'Attestation'), 'document');
    if (document?.kind !== 'bytes') throw new Error('no document');
    const verification = await verifyEvidence(
      { platform: 'aws-nitro', document: document.value, endorsements: [] },
      { anchors: [fixture.anchor], atMs: nowMs, crypto: nodeCrypto },
    );
    if (verification.kind !== 'verified') throw new Error(JSON.stringify(verification.reasons));
    return verification.claims;
  }
});

function field(item: CborItem | undefined, key: string): CborItem | undefined {
  return item?.kind === 'map' ? item.entries.get(key) : undefined;
}

function attestation(fields: readonly (readonly [string, CborInput])[]): CborInput {
  return { entries: [['Attestation', { entries: fields }]] };
}
