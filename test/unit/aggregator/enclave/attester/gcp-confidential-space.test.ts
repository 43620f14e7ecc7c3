import { expect } from 'chai';
import { gcpConfidentialSpaceAttester } from '#enclave/attester/gcp-confidential-space.ts';
import type { HttpRequest } from '#enclave/attester/transport/http.ts';
import type { PseudoTree } from '#infra/emulator/kernel/pseudo-file.ts';
import { base64Url } from '#infra/emulator/tokens/jws.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { attesterFailure, emulatedFiles, emulatedPorts } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
const NONCE = toHex(nodeCrypto.digest('sha256', REPORT_DATA));
const SOCKET = '/run/container_launcher/teeserver.sock';
const TREE: PseudoTree = {
  find: (path) => (path === '' ? 'directory' : undefined),
  list: () => [],
  makeDirectory: () => undefined,
  removeDirectory: () => undefined,
};

describe('gcpConfidentialSpaceAttester', () => {
  let asked: HttpRequest[];
  let answer: Uint8Array;
  beforeEach(() => {
    asked = [];
    answer = utf8(`${tokenOver(NONCE)}\n`);
  });

  const ports = (root = SOCKET) =>
    emulatedPorts({
      files: emulatedFiles([{ root, tree: TREE }]),
      send: async (request) => {
        asked.push(request);
        return answer;
      },
    });
  const attest = async (options = {}) =>
    (await gcpConfidentialSpaceAttester.open(ports(), options)).attest(REPORT_DATA);

  it("asks the launcher for a token with Google's chain over the hash of the report data", async () => {
    expect(await attest()).to.deep.equal({ document: utf8(tokenOver(NONCE)), endorsements: [] });
    const [request] = asked;
    expect(request).to.deep.include({ url: 'http://localhost/v1/token', socketPath: SOCKET });
    expect(request?.json).to.deep.equal({
      audience: 'https://cloister.invalid',
      token_type: 'PKI',
      nonces: [NONCE],
    });
    expect(request?.answerBytesMax).to.equal(32 * 1024);
  });

  it('asks for the audience, and at the socket, that it is told', async () => {
    await attest({ audience: 'hospital', device: '/launcher.sock' });
    expect(asked[0]?.socketPath).to.equal('/launcher.sock');
    expect(asked[0]?.json).to.include({ audience: 'hospital' });
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['two parts', 'eyJ.eyJ'],
    ['four parts', 'a.b.c.d'],
    ['other characters', 'a.b.c d'],
    ['an error in words', '{"error":"no"}'],
  ] as const) {
    it(`takes ${what} for no token`, async () => {
      answer = utf8(text);
      expect(await attesterFailure(attest())).to.include('answered with no token');
    });
  }

  for (const [what, text] of [
    ['another nonce', tokenOver('00'.repeat(32))],
    ['the nonce outside its payload', `${base64Url(NONCE)}.${base64Url('{}')}.c2ln`],
    ['a payload that is not base64url', 'eyJ.eyJ-_.c2ln'],
  ] as const) {
    it(`fails on a token with ${what}`, async () => {
      answer = utf8(text);
      expect(await attesterFailure(attest())).to.include('does not hold the report data');
    });
  }

  it('takes bytes that are no text for no token', async () => {
    answer = Uint8Array.of(0xff, 0xfe);
    expect(await attesterFailure(attest())).to.include('answered with no token');
  });

  it('misses the launcher where its socket is not', async () => {
    expect(await gcpConfidentialSpaceAttester.missing(ports(), {})).to.equal(undefined);
    expect(await gcpConfidentialSpaceAttester.missing(ports('/elsewhere'), {})).to.equal(`there is no ${SOCKET}`);
  });
});

function tokenOver(nonce: string): string {
  return `eyJ.${base64Url(JSON.stringify({ aud: '?>', eat_nonce: nonce }))}.c2ln`;
}
