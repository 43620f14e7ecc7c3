import type { TcbStatus } from '../claims.ts';

/** What Intel's documents say of a component: the quoting enclave, or the TDX module. */
export const COMPONENT_STATUSES = ['UpToDate', 'OutOfDate', 'Revoked'] as const;

/** What Intel's documents say of a platform (PCS API v4, TCB info, `tcbStatus`). */
export const PLATFORM_STATUSES = [
  ...COMPONENT_STATUSES,
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDateConfigurationNeeded',
] as const;

/** A name of {@link COMPONENT_STATUSES}, or that no level of the document is low enough. */
export type ComponentStatus = (typeof COMPONENT_STATUSES)[number] | 'NotSupported';

/** A name of {@link PLATFORM_STATUSES}, or that no level of the document is low enough. */
export type PlatformStatus = (typeof PLATFORM_STATUSES)[number] | 'NotSupported';

/** Statuses that an outdated component turns into out of date, and what they become. */
const OUTDATED: Readonly<Partial<Record<PlatformStatus, PlatformStatus>>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
};

/**
 * The status of a platform and its components together, as Intel's Quote Verification Library has it
 * (EvaluateTcb.cpp, convergeTcbStatuses): what matches no level is not supported whatever else holds, then a revoked
 * component revokes all, then an outdated one makes all out of date.
 */
export function convergeStatuses(platform: PlatformStatus, components: readonly ComponentStatus[]): PlatformStatus {
  if (platform === 'NotSupported' || components.includes('NotSupported')) return 'NotSupported';
  if (components.includes('Revoked')) return 'Revoked';
  return (components.includes('OutOfDate') ? OUTDATED[platform] : undefined) ?? platform;
}

const CURRENT: readonly PlatformStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
];
const CONFIGURATION: readonly PlatformStatus[] = [
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDateConfigurationNeeded',
];

/**
 * The status of a trust domain that was launched on one TCB and runs on another (TDX 1.5), as Intel's library has it
 * (TcbLevelCheck.cpp, TDRelaunchCheck.cpp): launched out of date on a platform that is current by now, it should be
 * launched again. Where either TCB matches no level, neither does the domain.
 */
export function relaunchStatus(launch: PlatformStatus, current: PlatformStatus): TcbStatus {
  if (launch === 'NotSupported' || current === 'NotSupported') return 'NotSupported';
  const outdated = launch === 'OutOfDate' || launch === 'OutOfDateConfigurationNeeded';
  if (!outdated || !CURRENT.includes(current)) return launch;
  const configuration = CONFIGURATION.includes(launch) || CONFIGURATION.includes(current);
  return configuration ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised';
}
