import { expect } from 'chai';
import {
  type ComponentStatus,
  convergeStatuses,
  PLATFORM_STATUSES,
  type PlatformStatus,
  relaunchStatus,
} from '#shared/attestation/dcap/tcb-status.ts';

const PLATFORMS: readonly PlatformStatus[] = [...PLATFORM_STATUSES, 'NotSupported'];

describe('statuses of a TCB', () => {
  it('are those of the platform while its components are up to date', () => {
    for (const platform of PLATFORMS) {
      expect(convergeStatuses(platform, [])).to.equal(platform);
      expect(convergeStatuses(platform, ['UpToDate', 'UpToDate'])).to.equal(platform);
    }
  });

  /** Intel's table: a platform's status, and what an outdated component makes of it. */
  const outdated: Readonly<Record<PlatformStatus, PlatformStatus>> = {
    UpToDate: 'OutOfDate',
    SWHardeningNeeded: 'OutOfDate',
    ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
    OutOfDate: 'OutOfDate',
    OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    Revoked: 'Revoked',
    NotSupported: 'NotSupported',
  };
  for (const platform of PLATFORMS) {
    it(`make ${outdated[platform]} of ${platform} and an outdated component, whichever it is`, () => {
      expect(convergeStatuses(platform, ['OutOfDate', 'UpToDate'])).to.equal(outdated[platform]);
      expect(convergeStatuses(platform, ['UpToDate', 'OutOfDate'])).to.equal(outdated[platform]);
    });
  }

  it('are revoked with any component, except where something matches no level', () => {
    const others: readonly ComponentStatus[] = ['UpToDate', 'OutOfDate', 'Revoked'];
    for (const platform of PLATFORM_STATUSES) {
      for (const other of others) {
        expect(convergeStatuses(platform, ['Revoked', other])).to.equal('Revoked');
        expect(convergeStatuses(platform, [other, 'Revoked'])).to.equal('Revoked');
      }
    }
    expect(convergeStatuses('NotSupported', ['Revoked'])).to.equal('NotSupported');
    expect(convergeStatuses('Revoked', ['NotSupported', 'Revoked'])).to.equal('NotSupported');
  });
});

describe('statuses of a trust domain that runs on another TCB than it was launched on', () => {
  const C = 'TDRelaunchAdvisedConfigurationNeeded';
  const R = 'TDRelaunchAdvised';
  const N = 'NotSupported';
  /** Rows: at launch. Columns: now, in the order of the header. */
  const NOW = ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded'] as const;
  const LATER = ['OutOfDate', 'OutOfDateConfigurationNeeded', 'Revoked', 'NotSupported'] as const;
  const table: Readonly<Record<PlatformStatus, readonly string[]>> = {
    UpToDate: [...Array(7).fill('UpToDate'), N],
    SWHardeningNeeded: [...Array(7).fill('SWHardeningNeeded'), N],
    ConfigurationNeeded: [...Array(7).fill('ConfigurationNeeded'), N],
    ConfigurationAndSWHardeningNeeded: [...Array(7).fill('ConfigurationAndSWHardeningNeeded'), N],
    OutOfDate: [R, R, C, C, 'OutOfDate', 'OutOfDate', 'OutOfDate', N],
    OutOfDateConfigurationNeeded: [C, C, C, C, ...Array(3).fill('OutOfDateConfigurationNeeded'), N],
    Revoked: [...Array(7).fill('Revoked'), N],
    NotSupported: Array(8).fill(N),
  };
  for (const launch of PLATFORMS) {
    it(`follow Intel's table where they were ${launch}`, () => {
      const found = [...NOW, ...LATER].map((current) => relaunchStatus(launch, current));
      expect(found).to.deep.equal(table[launch]);
    });
  }
});
