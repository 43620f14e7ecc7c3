import { expect } from 'chai';
import { spaceClaims } from '#infra/emulator/tokens/confidential-space.ts';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { pinOf } from '#infra/emulator/tokens/key-set.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { AcceptedEnclave } from '#shared/attestation/policy.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { codes, NOW_MS, verifyToken } from './service.ts';
import { contents, DIGEST, newSpace, PLATFORM, REPORT_DATA, type Space } from './space.ts';

describe('Google Confidential Space', () => {
  let space: Space;
  before(async () => {
    space = await newSpace();
  });

  const withClaims = (claims: Json): Promise<Verification> => space.verify({ contents: { claims } });
  async function claimsWith(claims: Json): Promise<Claims> {
    const result = await withClaims(claims);
    if (result.kind === 'refused') throw new Error(result.reasons.map(({ detail }) => detail).join());
    return result.claims;
  }

  describe('with an OIDC token', () => {
    let oidcKey: TokenKey;
    before(() => {
      oidcKey = newTokenKey('RS256');
    });

    it('proves the claims under a pinned key', async () => {
      const { claims } = await verifyToken(PLATFORM, oidcKey, spaceClaims(contents()));
      expect(claims?.root.sha256).to.equal(pinOf(oidcKey, PLATFORM).sha256);
      expect(claims).to.include({ validFromMs: NOW_MS, validUntilMs: NOW_MS + 3_599_000 });
    });

    it('knows no other key', async () => {
      const result = await verifyToken(PLATFORM, oidcKey, spaceClaims(contents()), { anchors: [space.anchor] });
      expect(codes(result)).to.deep.equal(['KEY_UNKNOWN']);
    });
  });

  describe('whatever its type', () => {
    it('is refused from another issuer', async () => {
      for (const iss of [
        'https://accounts.google.com',
        'https://confidentialcomputing.googleapis.com/',
        undefined,
        5,
      ]) {
        expect(codes(await withClaims({ iss }))).to.deep.equal(['ISSUER_MISMATCH']);
      }
    });

    it('counts anything but a production image as debug', async () => {
      for (const dbgstat of ['enabled', 'disabled', 'Disabled-since-boot', undefined, true]) {
        expect((await claimsWith({ dbgstat })).debug, String(dbgstat)).to.equal(true);
      }
      const submods = { nvidia_gpu: { cc_mode: 'DEVTOOLS' } };
      expect((await claimsWith({ submods })).debug).to.equal(true);
      expect((await claimsWith({ submods: { nvidia_gpu: { cc_mode: 'ON' } } })).attributes).to.include({
        gpu_cc_mode: 'ON',
      });
    });

    it('takes the report data from the first nonce that can carry them', async () => {
      const other = 'cd'.repeat(32);
      const cases: readonly (readonly [unknown, string, string])[] = [
        [REPORT_DATA, REPORT_DATA, REPORT_DATA],
        [['first nonce', other, REPORT_DATA], other, 'first nonce'],
        [REPORT_DATA.toUpperCase(), '', REPORT_DATA.toUpperCase()],
        [`${REPORT_DATA}00`, '', `${REPORT_DATA}00`],
        [[5, null, REPORT_DATA], REPORT_DATA, REPORT_DATA],
        [[], '', ''],
        [undefined, '', ''],
        [{ nonce: REPORT_DATA }, '', ''],
      ];
      for (const [eat_nonce, reportData, nonce] of cases) {
        const claims = await claimsWith({ eat_nonce });
        expect(toHex(claims.reportData)).to.equal(reportData);
        expect(claims.nonce).to.deep.equal(utf8(nonce));
      }
    });

    it('is refused with a digest that is none', async () => {
      for (const image_digest of [
        '',
        toHex(DIGEST),
        `sha512:${toHex(DIGEST)}`,
        'sha256:ab',
        `sha256:${'x'.repeat(64)}`,
        5,
      ]) {
        expect(codes(await withClaims({ submods: { container: { image_digest } } }))).to.deep.equal(['MALFORMED']);
      }
      expect((await claimsWith({ submods: {} })).measurements).to.deep.equal({});
    });

    it('rates the TCB by the worst word, and an unknown one as not supported', async () => {
      const tcb = async (tdx: unknown): Promise<string | undefined> => (await claimsWith({ tdx })).tcb?.status;
      expect(await tcb({ gcp_attester_tcb_status: 'OutOfDate' })).to.equal('OutOfDate');
      expect(await tcb({ gcp_attester_tcb_status: 'UpToDate', attester_tcb_status: 'Revoked' })).to.equal('Revoked');
      expect(await tcb([{ gcp_attester_tcb_status: 'SWHardeningNeeded' }])).to.equal('SWHardeningNeeded');
      expect(await tcb({ gcp_attester_tcb_status: 'Fine' })).to.equal('NotSupported');
      expect(await tcb({ gcp_attester_tcb_status: 5 })).to.equal('NotSupported');
      expect(await tcb(undefined)).to.equal(undefined);
    });

    it('names what a policy may ask for, and every other claim by its path', async () => {
      const { attributes } = await claimsWith({});
      expect(attributes).to.include({
        aud: 'cloister',
        hwmodel: 'GCP_INTEL_TDX',
        confidential_vm: true,
        secboot: true,
        swname: 'CONFIDENTIAL_SPACE',
        swversion: '250800',
        stable: true,
        latest: true,
        usable: true,
        project_id: 'emulated',
        zone: 'emulated-1',
        service_account: 'emulated@example.invalid',
        cmd_overridden: false,
        env_overridden: false,
        memory_monitored: false,
        'submods.gce.zone': 'emulated-1',
        'submods.confidential_space.support_attributes.1': 'STABLE',
        'submods.container.restart_policy': 'Never',
        oemid: 11129,
      });
    });

    it('says so when the operator changed how the image starts', async () => {
      const submods = { container: { cmd_override: ['sh'], env_override: { A: 'b' } } };
      const { attributes } = await claimsWith({ submods, google_service_accounts: ['a', 'b'] });
      expect(attributes).to.include({ cmd_overridden: true, env_overridden: true, stable: false });
      expect(attributes).to.not.have.any.keys('service_account', 'memory_monitored', 'project_id');
    });
  });

  describe('appraised', () => {
    async function reasonsFor(claims: Json, enclave: Partial<AcceptedEnclave> = {}): Promise<readonly string[]> {
      const policy = parsePolicy({
        enclaves: [
          {
            name: 'ours',
            platform: PLATFORM,
            measurements: { IMAGE_DIGEST: toHex(DIGEST) },
            ...enclave,
            attributes: { aud: 'cloister', ...enclave.attributes },
          },
        ],
        roots: [{ name: 'emulator', platform: PLATFORM, sha256: space.pki.sha256, emulated: true }],
      });
      return appraise(await claimsWith(claims), [policy], NOW_MS).map(({ code }) => code);
    }

    it('passes a production image on a confidential machine for the right audience', async () => {
      expect(await reasonsFor({})).to.deep.equal([]);
      expect(await reasonsFor({}, { attributes: { stable: true, 'submods.gce.zone': 'emulated-1' } })).to.deep.equal(
        [],
      );
    });

    const refused: Readonly<Record<string, readonly [claims: Json, code: string]>> = {
      'another audience': [{ aud: 'somebody else' }, 'CLAIM_MISMATCH'],
      'several audiences': [{ aud: ['cloister', 'somebody else'] }, 'CLAIM_MISMATCH'],
      'a machine without encrypted memory': [{ hwmodel: 'GCP_SHIELDED_VM' }, 'CLAIM_MISMATCH'],
      'a machine of no model': [{ hwmodel: undefined }, 'CLAIM_MISMATCH'],
      'no secure boot': [{ secboot: false }, 'CLAIM_MISMATCH'],
      'an image that was revoked': [{ swname: 'GCE' }, 'CLAIM_MISMATCH'],
      'a debug image': [{ dbgstat: 'enabled' }, 'DEBUG_ENABLED'],
      'an old TCB': [{ tdx: { gcp_attester_tcb_status: 'OutOfDate' } }, 'TCB_OUT_OF_DATE'],
    };
    for (const [name, [claims, code]] of Object.entries(refused)) {
      it(`refuses ${name}`, async () => {
        expect(await reasonsFor(claims)).to.deep.equal([code]);
      });
    }

    it('refuses another image', async () => {
      const submods = { container: { image_digest: `sha256:${'00'.repeat(32)}` } };
      expect(await reasonsFor({ submods })).to.deep.equal(['MEASUREMENT_MISMATCH']);
    });

    it('refuses a policy that names no audience', () => {
      const enclave = { name: 'ours', platform: PLATFORM, measurements: { IMAGE_DIGEST: toHex(DIGEST) } };
      expect(() => parsePolicy({ enclaves: [enclave] })).to.throw('must state IMAGE_DIGEST and aud');
    });
  });
});
