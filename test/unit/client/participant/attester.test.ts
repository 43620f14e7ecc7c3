import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DEVICE_DEFAULT, DEVICE_NAMES, openOwnDevice } from '#client/participant/attester.ts';
import { base64Url } from '#infra/emulator/tokens/jws.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { attesterMissing } from '#test/fakes/tee/emulated-devices.ts';

const REPORT_DATA = new Uint8Array(64).fill(5);
const NONCE = toHex(nodeCrypto.digest('sha256', REPORT_DATA));
const TOKEN = `aa.${base64Url(JSON.stringify({ eat_nonce: NONCE }))}.cc`;
const KEYS: Endorsement = { kind: 'jwk-set', bytes: utf8('{"keys":[]}') };
const UNREADABLE: Endorsement = { kind: 'crl', bytes: Uint8Array.of(1) };

describe("a participant's own device", () => {
  let folder: string;
  let launcher: Server;
  let device: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    device = join(folder, 'launcher.sock');
    launcher = createServer((_request, response) => response.end(TOKEN)).listen(device);
    await once(launcher, 'listening');
  });
  after(async () => {
    launcher.close();
    await rm(folder, { recursive: true });
  });

  it('gives evidence, with those endorsements at hand that it needs', async () => {
    const own = { name: 'gcp-confidential-space', options: { device }, cached: [UNREADABLE, KEYS] };
    const attester = await openOwnDevice(own, nodeCrypto, '');
    const evidence = await attester.evidenceFor(REPORT_DATA);
    expect(evidence).to.deep.include({ platform: 'gcp-confidential-space', document: utf8(TOKEN) });
    expect(evidence.endorsements).to.not.deep.include(UNREADABLE);
  });

  it('refuses to show more than a join may carry', async () => {
    const long = (name: string): Endorsement => ({
      kind: 'jwk-set',
      bytes: utf8(`{"keys":[{"kid":"${name}","kty":"RSA","n":"${'A'.repeat(40_000)}","e":"AQAB"}]}`),
    });
    const cached = ['a', 'b', 'c', 'd', 'e'].map(long);
    const own = { name: 'gcp-confidential-space', options: { device }, cached };
    const attester = await openOwnDevice(own, nodeCrypto, '');
    const outcome = await attester.evidenceFor(REPORT_DATA).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'CONFIG_INVALID');
  });

  it('is looked for when it is not named, by default', async () => {
    expect(DEVICE_NAMES).to.include.members([DEVICE_DEFAULT, 'tpm-quote', 'aws-nitro']);
    const missing = await attesterMissing(
      openOwnDevice({ name: 'aws-nitro', options: {}, cached: [] }, nodeCrypto, ''),
    );
    expect(missing).to.include('aws-nitro: there is no');
  });
});
