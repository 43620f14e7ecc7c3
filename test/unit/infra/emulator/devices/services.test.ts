import { expect } from 'chai';
import { azureMetadataService } from '#infra/emulator/devices/azure-metadata.ts';
import { httpService } from '#infra/emulator/devices/http-service.ts';
import { launcherService, type TokenRequest } from '#infra/emulator/devices/launcher.ts';
import { listenOnLoopback } from '#infra/emulator/socket.ts';

const NONCE = 'a'.repeat(64);
const PLAIN = { audience: 'https://a.invalid', token_type: 'PKI', nonces: [NONCE] };

describe('services of emulated platforms', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function serve(service: ReturnType<typeof httpService>): Promise<string> {
    const { port, close } = await listenOnLoopback(service);
    stops.push(close);
    return `http://127.0.0.1:${port}`;
  }

  async function status(url: string, init?: RequestInit): Promise<number> {
    return (await fetch(url, init)).status;
  }

  const post = (value: unknown): RequestInit => ({
    method: 'POST',
    body: typeof value === 'string' ? value : JSON.stringify(value),
  });

  describe('the launcher of a Confidential Space', () => {
    it('gives the token for the audience and the nonces that were asked for', async () => {
      const asked: TokenRequest[] = [];
      const service = launcherService(async (request) => {
        asked.push(request);
        return 'a.token.here';
      });
      const response = await fetch(`${await serve(service)}/v1/token`, post(PLAIN));
      expect(await response.text()).to.equal('a.token.here');
      expect(asked).to.deep.equal([{ audience: PLAIN.audience, nonces: [NONCE] }]);
    });

    const refused: Readonly<Record<string, unknown>> = {
      'no JSON': '{',
      'a list': [PLAIN],
      'no audience': { ...PLAIN, audience: '' },
      'an audience longer than 512 bytes': { ...PLAIN, audience: 'a'.repeat(513) },
      'a token that cannot be verified offline': { ...PLAIN, token_type: 'OIDC' },
      'no nonce': { ...PLAIN, nonces: [] },
      'a nonce that is no text': { ...PLAIN, nonces: [7] },
      'a nonce below 10 bytes': { ...PLAIN, nonces: ['a'.repeat(9)] },
      'a nonce above 74 bytes': { ...PLAIN, nonces: ['a'.repeat(75)] },
      'seven nonces': { ...PLAIN, nonces: Array.from({ length: 7 }, () => NONCE) },
    };
    for (const [what, body] of Object.entries(refused)) {
      it(`refuses a request with ${what}`, async () => {
        const origin = await serve(launcherService(async () => 'a.token.here'));
        expect(await status(`${origin}/v1/token`, post(body))).to.equal(400);
      });
    }

    it('knows no other path and no default token, and survives its own failure', async () => {
      const origin = await serve(
        launcherService(async () => {
          throw new Error('broken');
        }),
      );
      expect(await status(`${origin}/v1/tokens`, post(PLAIN))).to.equal(404);
      expect(await status(`${origin}/v1/token`)).to.equal(400);
      expect(await status(`${origin}/v1/token`, post(PLAIN))).to.equal(500);
      expect(await status(`${origin}/v1/token`, post('a'.repeat(100_000)))).to.equal(500);
    });
  });

  describe('the metadata service of Azure', () => {
    const CERTIFICATION = '/metadata/THIM/amd/certification';
    const METADATA = { headers: { Metadata: 'true' } };

    it('gives the certificates of the processor to who says that it asks for metadata', async () => {
      const origin = await serve(azureMetadataService({ snpCertificates: { vcek: 'a leaf', chain: 'the rest' } }));
      const answer: unknown = await (await fetch(origin + CERTIFICATION, METADATA)).json();
      expect(answer).to.include({ vcekCert: 'a leaf', certificateChain: 'the rest' });
      expect(await status(origin + CERTIFICATION)).to.equal(400);
      expect(await status(`${origin}/acc/tdquote`, post({ report: 'AA' }))).to.equal(404);
    });

    it('turns a TD report into a quote, both in base64url', async () => {
      const tdQuote = async (report: Uint8Array) => Uint8Array.of(...report, 0xff, 0xfe);
      const origin = await serve(azureMetadataService({ tdQuote }));
      const answer: unknown = await (await fetch(`${origin}/acc/tdquote`, post({ report: '-_8' }))).json();
      expect(answer).to.deep.equal({ quote: Buffer.of(0xfb, 0xff, 0xff, 0xfe).toString('base64url') });
      expect(await status(`${origin}/acc/tdquote`, post({ report: 7 }))).to.equal(400);
      expect(await status(origin + CERTIFICATION, METADATA)).to.equal(404);
    });
  });
});
